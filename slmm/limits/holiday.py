"""Public holidays by country and part of it, from the ``holidays`` package; what that knows is not ours to keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from slmm.errors import Invalid


@lru_cache(maxsize=64)
def calendar(name: str | None) -> Callable[[date], bool]:
    """Whether a day is a holiday in ``DE``, ``DE-BY``, ``US-NY`` …; raises Invalid for a calendar nobody knows."""
    if name is None:
        return _never
    import holidays  # takes 0.1 s and some MB, and few limits and rules need it

    country, _, part = name.partition("-")
    try:
        known = holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError:
        raise Invalid(
            f"holiday_calendar {name!r} is not known: an ISO 3166 country such as DE, or a part of one such as DE-BY",
            field="holiday_calendar",
        ) from None
    return known.__contains__


def _never(day: date) -> bool:
    return False
