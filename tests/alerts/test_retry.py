"""When a message is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmm.alerts import retry


@pytest.mark.parametrize(
    ("attempts", "least_s", "most_s"),
    [(1, 2.5, 5.0), (2, 5.0, 10.0), (3, 10.0, 20.0), (8, 320.0, 640.0), (9, 450.0, 900.0), (500, 450.0, 900.0)],
)
def test_pauses_double_up_to_a_quarter_of_an_hour(attempts: int, least_s: float, most_s: float) -> None:
    assert retry.pause_s(attempts, 0.0) == least_s
    assert retry.pause_s(attempts, 1.0) == most_s


@given(attempts=st.integers(0, 10_000), chance=st.floats(0, 1), wished_s=st.none() | st.floats(-1e9, 1e9))
def test_a_pause_is_never_longer_than_an_hour_nor_shorter_than_the_jitter(
    attempts: int, chance: float, wished_s: float | None
) -> None:
    assert 2.5 <= retry.pause_s(attempts, chance, wished_s) <= 3600.0


@pytest.mark.parametrize(
    ("wished_s", "pause_s"), [(120.0, 120.0), (1.0, 5.0), (86_400.0, 3600.0), (0.0, 5.0), (None, 5.0)]
)
def test_the_wish_of_a_receiver_is_granted_up_to_an_hour(wished_s: float | None, pause_s: float) -> None:
    assert retry.pause_s(1, 1.0, wished_s) == pause_s


def test_machines_are_tried_for_longer_than_people() -> None:
    assert retry.keep_trying_s(is_for_people=True) == 6 * 3600
    assert retry.keep_trying_s(is_for_people=False) == 24 * 3600
