"""Stored files that are cut, spoiled or made up: what is left is read, and nothing fails."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmm.nl43.stored import StoredKind, read_stored
from tests.nl43.stored_files import LEQ_FILE, LEQ_HEADER, block, leq_line, text


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(list(StoredKind)))
def test_no_bytes_make_it_fail(data: bytes, kind: StoredKind) -> None:
    for chunks in ([data], [LEQ_FILE[:400], data], [text("CSV", *block(1)), data]):
        stored = read_stored(chunks, kind)
        assert stored.trouble_count >= len(stored.troubles)
        assert all(row.duration_s > 0.0 for row in stored.rows)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(LEQ_FILE)), st.integers(0, 60), st.binary(max_size=20)), max_size=3))
def test_damage_is_never_passed_over_in_silence(damages: list[tuple[int, int, bytes]]) -> None:
    damaged = LEQ_FILE
    for place, length, instead in damages:
        damaged = damaged[:place] + instead + damaged[place + length :]
    stored = read_stored([damaged])
    known = read_stored([LEQ_FILE]).rows
    addresses = {row.address for row in stored.rows}
    if addresses < {row.address for row in known} and damaged.count(b"\n") >= LEQ_FILE.count(b"\n"):
        assert stored.trouble_count > 0


@pytest.mark.parametrize("letter", ["\x1c", "\x85", "\u2003", "\x0b", "²"])
def test_odd_white_space_and_digits_do_not_make_it_fail(letter: str) -> None:
    line = leq_line(1)
    for place in range(40):
        stored = read_stored([text("CSV", LEQ_HEADER, line[:place] + letter + line[place:])])
        assert len(stored.rows) + stored.trouble_count >= 1


@pytest.mark.parametrize("whole", [text("CSV", *block(1), *block(2), *block(3)), text("CSV", *block(1))])
def test_a_file_of_blocks_cut_anywhere_gives_the_blocks_before_the_cut(whole: bytes) -> None:
    rows = read_stored([whole]).rows
    for cut in range(0, len(whole), 3):
        found = read_stored([whole[:cut]]).rows
        assert found == rows[: len(found)]
        assert len(found) >= whole[:cut].count(b"Address") - 1


FIELDS = st.sampled_from(
    [
        *("Address", "Start Time", "Measurement Time", "Leq(Main)", "Main", "Over(Main)", "CSV", "\0", "\ud7ff"),
        *("2025/12/23 19:41:12", "9999/12/31 23:59:59.999999", "00d 00:01:00.0", "99d 99:99:99"),
        *(" 43.7", " -.-", "0", "1", "-", ","),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(FIELDS, max_size=6).map(",".join), max_size=12).map("\n".join), st.booleans())
def test_no_order_of_known_words_makes_it_fail(words: str, is_ended: bool) -> None:
    stored = read_stored([words.encode() + b"\n" * is_ended])
    assert all(row.duration_s > 0.0 for row in stored.rows)
    for row in stored.rows:
        assert row.starts + timedelta(seconds=0)
