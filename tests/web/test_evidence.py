"""The chain over HTTP: its head for everybody who may read, a check for those who may act."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.record.chain.seals import Kind, Stored
from slmm.web.api.evidence import EvidenceAnswer, VerifyAnswer
from tests.record.chain.sealed import TEN
from tests.web.conftest import BASE


def test_before_anything_is_sealed_nothing_is_called_unchanged(client: FlaskClient) -> None:
    state = EvidenceAnswer.model_validate(client.get(f"{BASE}/_evidence").json)
    assert (state.head, state.head_link, state.links, state.last_check) == (None, 0, 0, None)
    report = VerifyAnswer.model_validate(client.post(f"{BASE}/_evidence/verify", json={}).json)
    assert report.verdict == "unchecked"
    assert "nothing is sealed yet" in report.unchecked[0]


def test_a_check_is_remembered(client: FlaskClient) -> None:
    evidence = client.application.extensions["slmm"].evidence
    (seal,) = evidence.chain.append([Stored(TEN, Kind.CARD, "downloads/a/x.rnd", 3, "ab" * 32)])
    report = VerifyAnswer.model_validate(client.post(f"{BASE}/_evidence/verify", json={"heads": [seal.link]}).json)
    assert [(found.what, found.link, found.sealed_at) for found in report.findings] == [
        ("missing", 1, "2026-11-20T10:00:00.000Z")
    ]
    state = EvidenceAnswer.model_validate(client.get(f"{BASE}/_evidence").json)
    assert (state.head, state.kinds) == (seal.link, {"card": 1})
    assert state.last_check is not None
    assert (state.last_check.verdict, state.last_check.findings) == ("changed", 1)


@pytest.mark.parametrize("body", [{"heads": "ab"}, {"heads": [1]}, {"files": "yes"}, {"colour": 1}])
def test_what_cannot_be_meant_is_refused(client: FlaskClient, body: dict[str, Any]) -> None:
    assert client.post(f"{BASE}/_evidence/verify", json=body).status_code == 422
