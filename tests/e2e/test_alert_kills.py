"""Killing the service loses, doubles and orphans no alert; the long form is in alert_kills.py."""

from pathlib import Path

import pytest

from tests.e2e import alert_kills


@pytest.mark.deadline(240.0)
def test_killing_the_service_again_and_again_goes_unnoticed(tmp_path: Path) -> None:
    outcome, complaints = alert_kills.run(tmp_path, kills=6, seed=20261121)
    assert complaints == []
    assert outcome.killed
