"""A change of a file is found, and where it can be proved, to the byte."""

import hashlib
import io

import numpy as np
import pytest

from slmm.errors import Invalid
from slmm.record.chain.fingerprint import BLOCK_BYTES, Blocks, Difference, block_bytes_for, compare, of_file

SIZE = 10_000
"""Two whole blocks and a part of a third."""
DATA = np.random.default_rng(7).integers(0, 256, SIZE, dtype=np.uint8).tobytes()
WAS = of_file(io.BytesIO(DATA), BLOCK_BYTES)


def difference(data: bytes) -> Difference | None:
    return compare(io.BytesIO(data), WAS.size_bytes, WAS.sha256, Blocks.unpacked(WAS.blocks.packed()))


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count} bytes"


def flipped(*places: int, by: int = 1) -> bytes:
    changed = bytearray(DATA)
    for place in places:
        changed[place] ^= by
    return bytes(changed)


def test_the_same_bytes_are_no_difference() -> None:
    assert difference(DATA) is None
    assert hashlib.sha256(DATA).hexdigest() == WAS.sha256
    assert len(WAS.blocks.packed()) == 2 + 3 * 24


def test_any_one_byte_is_found_with_what_it_was() -> None:
    rng = np.random.default_rng(8)
    edges = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES - 1, 2 * BLOCK_BYTES, SIZE - 1]
    for place in [*edges, *rng.integers(0, SIZE, 150).tolist()]:
        by = int(rng.integers(1, 256))
        found = difference(flipped(place, by=by))
        assert found is not None
        assert (found.offset, found.until, found.was, found.now) == (place, place + 1, DATA[place], DATA[place] ^ by)
        assert found.is_exact
        assert str(found) == f"byte {place} changed: it was 0x{DATA[place]:02x} and is 0x{DATA[place] ^ by:02x}"


def test_any_two_bytes_name_the_first_block_and_never_a_wrong_byte() -> None:
    rng = np.random.default_rng(9)
    for _ in range(150):
        first, second = sorted(rng.choice(SIZE, 2, replace=False).tolist())
        found = difference(flipped(first, second, by=int(rng.integers(1, 256))))
        assert found is not None
        assert found.offset <= first < found.until
        if first // BLOCK_BYTES == second // BLOCK_BYTES:
            assert (found.was, found.changed_blocks) == (None, 1)
        else:
            assert (found.offset, found.was, found.changed_blocks) == (first, DATA[first], 2)


@pytest.mark.parametrize("swap", [(10, 11), (0, 4095)])
def test_bytes_that_change_places_keep_their_sum_and_are_found(swap: tuple[int, int]) -> None:
    changed = bytearray(DATA)
    changed[swap[0]], changed[swap[1]] = changed[swap[1]], changed[swap[0]]
    found = difference(bytes(changed))
    assert found is not None
    assert (found.offset, found.until, found.is_exact) == (0, BLOCK_BYTES, False)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, SIZE - 1])
def test_a_file_cut_off_is_told_as_such(size: int) -> None:
    found = difference(DATA[:size])
    assert found is not None
    assert (found.size_was, found.size_now) == (SIZE, size)
    assert found.offset <= size < found.until
    assert found.is_exact == (size % BLOCK_BYTES == 0)
    assert f"{_bytes(SIZE - size)} shorter" in str(found)
    assert f"from byte {size} on it is gone" in str(found)


@pytest.mark.parametrize("count", [1, 100, BLOCK_BYTES, 3 * BLOCK_BYTES])
def test_what_was_added_at_the_end_is_told_as_such(count: int) -> None:
    found = difference(DATA + bytes(count))
    assert found is not None
    assert (found.offset, found.is_exact, found.changed_blocks) == (SIZE, True, 0)
    assert str(found) == f"{_bytes(count)} longer than the {SIZE} it had: what begins at byte {SIZE} was added"


@pytest.mark.parametrize("place", [0, 5000, 9999])
def test_a_byte_that_went_in_or_out_names_the_block(place: int) -> None:
    for changed in (DATA[:place] + b"!" + DATA[place:], DATA[:place] + DATA[place + 1 :]):
        found = difference(changed)
        assert found is not None
        assert found.offset <= place < found.until


def test_an_addition_does_not_hide_a_change_before_it() -> None:
    found = difference(flipped(9000) + b"more")
    assert found is not None
    assert found.offset <= 9000 < found.until
    assert found.until <= SIZE
    found = difference(flipped(5000) + b"more")
    assert found is not None
    assert (found.offset, found.was) == (5000, DATA[5000])


def test_an_empty_file_has_a_fingerprint() -> None:
    empty = of_file(io.BytesIO(b""), BLOCK_BYTES)
    assert compare(io.BytesIO(b""), 0, empty.sha256, empty.blocks) is None
    found = compare(io.BytesIO(b"x"), 0, empty.sha256, empty.blocks)
    assert found is not None
    assert found.offset == 0


def test_pieces_do_not_matter() -> None:
    large = np.random.default_rng(1).integers(0, 256, 1_048_576 + 5000, dtype=np.uint8).tobytes()
    was = of_file(io.BytesIO(large), block_bytes_for(len(large)))
    assert len(was.blocks) == -(-len(large) // BLOCK_BYTES)
    for place in (1_048_575, 1_048_576, len(large) - 1):
        changed = bytearray(large)
        changed[place] ^= 0x80
        found = compare(io.BytesIO(changed), was.size_bytes, was.sha256, was.blocks)
        assert found is not None
        assert (found.offset, found.was) == (place, large[place])


@pytest.mark.parametrize("packed", [b"", b"\x01", b"\x02\x0c", b"\x01\x0c" + bytes(23), b"\x01\xff" + bytes(24)])
def test_blocks_that_nobody_packed_are_refused(packed: bytes) -> None:
    with pytest.raises(Invalid):
        Blocks.unpacked(packed)


def test_blocks_of_another_file_are_refused() -> None:
    other = of_file(io.BytesIO(DATA[:-BLOCK_BYTES]), BLOCK_BYTES)
    with pytest.raises(Invalid):
        compare(io.BytesIO(flipped(3)), WAS.size_bytes, WAS.sha256, other.blocks)
    with pytest.raises(Invalid):
        compare(io.BytesIO(DATA), WAS.size_bytes, "0" * 64, WAS.blocks)
