"""A record with a few days of one unit, and what people wrote about them; made once, and only read by the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmm.events import Labels
from slmm.report import reach
from slmm.report.document import Report
from slmm.report.gather import Wanted
from tests.report.made import Archive, a_busy_day, at

A_FAST = Labels("A", "F")
Told = Callable[..., Report]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Of the unit north-gate, in Berlin."""
    made = Archive(tmp_path_factory.mktemp("report"))
    a_busy_day(made)
    yield made
    made.close()


@pytest.fixture
def told(archive: Archive) -> Told:
    """Gathers a report of north-gate, by default long after."""

    def gather(name: str = "2026-11-20", *, limit_id: int | None = None, now: str = "2026-12-24 12:00") -> Report:
        key = name, limit_id, now
        if key not in archive.gathered:
            archive.gathered[key] = anew(name, limit_id, now)
        return archive.gathered[key]

    def anew(name: str, limit_id: int | None, now: str) -> Report:
        archive.now = at(now)
        kind = reach.of_week if "W" in name else reach.of_day if name.count("-") == 2 else reach.of_month
        return archive.gatherer.gather(Wanted("north-gate", kind(name, "Europe/Berlin"), limit_id), A_FAST)

    return gather


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Archive]:
    """An empty one."""
    made = Archive(tmp_path)
    yield made
    made.close()
