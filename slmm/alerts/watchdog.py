"""Whether a unit delivers data at all; pure, and apart from what its levels say.

A sample counts as data only beside another: one every half minute from a link that should bring one a second
is an outage with holes. So an alarm neither flaps nor ends on a lone sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

STARTUP_GRACE_S = 120.0
NO_DATA_AFTER_S = 60.0
RECOVER_S = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """When silence is an alarm, in s."""

    no_data_after_s: float = NO_DATA_AFTER_S
    recover_s: float = RECOVER_S
    startup_grace_s: float = STARTUP_GRACE_S
    max_gap_s: float = 5.0
    """Two samples this close make one stretch of data."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a unit's data; times in s on a clock that never steps."""

    started_s: float
    last_s: float | None = None
    stretch_from_s: float | None = None
    """Begin of the present stretch of samples."""
    data_until_s: float | None = None
    """End of the last stretch of more than one sample."""
    is_lost: bool = False


def sampled(watch: Watch, limits: Limits, at_s: float) -> tuple[Watch, bool]:
    """A valid sample; tells whether the data are back with it."""
    if watch.last_s is None or watch.stretch_from_s is None or at_s - watch.last_s > limits.max_gap_s:
        return replace(watch, last_s=at_s, stretch_from_s=at_s), False
    is_back = watch.is_lost and at_s - watch.stretch_from_s >= limits.recover_s
    # Each sample of each meter comes here, and replace() takes three times as long.
    return Watch(watch.started_s, at_s, watch.stretch_from_s, at_s, watch.is_lost and not is_back), is_back


def due_s(watch: Watch, limits: Limits) -> float | None:
    """When it becomes an alarm if nothing comes; None while it is one."""
    if watch.is_lost:
        return None
    if watch.data_until_s is None:
        return watch.started_s + limits.startup_grace_s
    return watch.data_until_s + limits.no_data_after_s


def lost(watch: Watch) -> Watch:
    """It is an alarm now, for silence or because the meter cannot be reached; what came before does not end it."""
    return replace(watch, is_lost=True, last_s=None, stretch_from_s=None)


def paused(watch: Watch, at_s: float) -> Watch:
    """Nothing is expected for now, as during a download: the wait begins anew when it is over."""
    return Watch(at_s, is_lost=watch.is_lost)
