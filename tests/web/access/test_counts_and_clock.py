"""What is counted of tries and requests, while somebody sets the clock."""

from __future__ import annotations

import pytest
from limits import parse_many

from slmm.errors import TooMany
from slmm.steady import SteadyClock
from slmm.web.limits import RateLimits


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_who_had_his_share_is_not_kept_out_by_a_clock_that_is_set(step_s: float) -> None:
    ahead_s = 0.0
    counts, limits = RateLimits(SteadyClock(lambda: ahead_s, lambda: 0.0)), parse_many("2 per minute")
    for hit in (lambda: counts.hit(limits, "login", "10.0.0.9"), lambda: counts.hit_any(limits, "10.0.0.9")):
        hit()
        hit()
        with pytest.raises(TooMany):
            hit()
        ahead_s += step_s
        hit()
