"""What is to be fetched from the SD cards and when: one fetch of a meter at a time, failures after pauses; pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

RETRY_S = (300.0, 1800.0, 7200.0, 6 * 3600.0, 24 * 3600.0)
"""Pauses after failures; when they are used up, nobody asks again by himself."""


@dataclass(slots=True)
class Wish:
    """The files of one run are wanted."""

    unit_id: str
    run_id: int
    why: str
    not_before_s: float
    """Monotonic."""
    attempts: int = 0
    """That have failed."""


class Wishes:
    """All of them; times are monotonic seconds, and every question is asked with the present one."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, int], Wish] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, unit_id: str, run_id: int, why: str, not_before_s: float) -> Wish:
        """Want the files of a run. A wish that waits is hastened, and what was tried in vain is forgotten."""
        found = self._all.get((unit_id, run_id))
        if found is None:
            found = self._all[unit_id, run_id] = Wish(unit_id, run_id, why, not_before_s)
        found.why, found.attempts = why, 0
        found.not_before_s = min(found.not_before_s, not_before_s)
        return found

    def due(self, now_s: float, busy: Collection[str], most: int) -> list[Wish]:
        """What may begin now, the longest due first; one of each unit, and none of those that are busy."""
        found: list[Wish] = []
        for wish in sorted(self._all.values(), key=lambda each: each.not_before_s):
            is_free = wish.unit_id not in busy and wish.unit_id not in {each.unit_id for each in found}
            if wish.not_before_s <= now_s and is_free and len(found) < most:
                found.append(wish)
        return found

    def done(self, wish: Wish) -> None:
        """Fulfilled, or given up."""
        if self._all.get((wish.unit_id, wish.run_id)) is wish:
            del self._all[wish.unit_id, wish.run_id]

    def failed(self, wish: Wish, now_s: float) -> float | None:
        """How long until it is tried again, in s; None when it is not any more."""
        if wish.attempts >= len(RETRY_S):
            self.done(wish)
            return None
        pause_s = RETRY_S[wish.attempts]
        wish.attempts += 1
        wish.not_before_s = now_s + pause_s
        return pause_s

    def put_off(self, wish: Wish, until_s: float) -> None:
        """Something else goes first; that is no failure."""
        wish.not_before_s = until_s

    def forget(self, unit_id: str) -> None:
        """The unit is gone."""
        self._all = {key: wish for key, wish in self._all.items() if wish.unit_id != unit_id}

    def of_unit(self, unit_id: str) -> list[Wish]:
        """Those of one unit."""
        return [wish for wish in self._all.values() if wish.unit_id == unit_id]
