"""Good manners towards the meters, by the meters' own counters."""

from bench.manners import watch_with_manners


def test_twenty_meters_and_a_hundred_viewers_coming_and_going() -> None:
    """A minute here; ten minutes by ``python -m bench.manners --minutes 10``."""
    found = watch_with_manners(meters=20, viewers=100, seconds=45)
    assert found.complaints() == []
    assert found.frames > 20 * 30
