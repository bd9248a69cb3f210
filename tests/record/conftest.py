"""A record of its own in a fresh directory."""

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import pytest

from slmm.record.office import RecordOffice
from slmm.settings import Settings

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def office(make_settings: Callable[..., Settings]) -> Iterator[RecordOffice]:
    """Started; the historian listens, but the jobs are the test's."""
    settings = make_settings()
    settings.data_dir.mkdir(parents=True)
    started = RecordOffice(settings, lambda unit_id: BERLIN)
    started.start()
    yield started
    started.stop()
