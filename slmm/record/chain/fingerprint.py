"""Fingerprints of files that tell not only that a byte changed, but which; pure but for the file that is read.

Beside its SHA-256 a file has, for each block, the first 16 bytes of the block's own SHA-256 and the sums S1 = Σ b and
S2 = Σ i·b over its bytes (the idea of Fletcher's and Adler's checksums). One changed byte moves S1 by its change and S2
by its place times that, so place = ΔS2 / ΔS1 and its former value is known; that the block with the former value has
its former hash proves it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from slmm.errors import Invalid

BLOCK_BYTES, SMALL_BLOCK_BYTES = 4096, 512
SMALL_BYTES = 262_144
"""Files up to this size get small blocks, for a nearer place at little cost."""
PIECE_BYTES = 1_048_576
_DIGEST_BYTES = 16
_FORMAT = 1


def block_bytes_for(size_bytes: int) -> int:
    """How large the blocks of a file of that size are."""
    return SMALL_BLOCK_BYTES if size_bytes <= SMALL_BYTES else BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Blocks:
    """What is known of each block of a file; the last may be shorter."""

    block_bytes: int
    digests: bytes
    """16 bytes a block."""
    sums: NDArray[np.uint32]
    """S1 of each block."""
    places: NDArray[np.uint32]
    """S2 of each block: at most 255·4095·4096/2, which fits."""

    def __len__(self) -> int:
        return len(self.sums)

    def digest(self, block: int) -> bytes:
        """Of one block."""
        return self.digests[block * _DIGEST_BYTES : (block + 1) * _DIGEST_BYTES]

    def packed(self) -> bytes:
        """As stored: format, size of a block as a power of two, digests, S1, S2 (little endian, 32 bits)."""
        head = bytes([_FORMAT, self.block_bytes.bit_length() - 1])
        return head + self.digests + self.sums.astype("<u4").tobytes() + self.places.astype("<u4").tobytes()

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        """The reverse; raises Invalid for what was never packed."""
        count, rest = divmod(len(packed) - 2, _DIGEST_BYTES + 8)
        if len(packed) < 2 or packed[0] != _FORMAT or rest or packed[1] > 16:
            raise Invalid(f"blocks: {len(packed)} bytes that no fingerprint of this version packed", field="blocks")
        end = 2 + count * _DIGEST_BYTES
        numbers = np.frombuffer(packed[end:], dtype="<u4").astype(np.uint32)
        return cls(1 << packed[1], packed[2:end], numbers[:count], numbers[count:])


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of a whole file."""

    size_bytes: int
    sha256: str
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a file first differs from what it was: in [*offset*, *until*), counted in bytes from 0."""

    offset: int
    until: int
    size_was: int
    size_now: int
    changed_blocks: int
    """How many blocks differ, as far as both sizes reach."""
    was: int | None = None
    """The former value of the byte at *offset*, when it alone changed in its block; proved by the block's hash."""
    now: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether *offset* is the very byte."""
        return self.until == self.offset + 1

    def __str__(self) -> str:
        parts = []
        if self.was is not None:
            parts.append(f"byte {self.offset} changed: it was 0x{self.was:02x} and is 0x{self.now:02x}")
        elif self.changed_blocks:
            parts.append(f"the first changed byte is one of {self.offset} to {self.until - 1}")
        if self.changed_blocks > 1:
            parts.append(f"{self.changed_blocks} blocks differ")
        if self.size_now < self.size_was:
            parts.append(
                f"{_bytes(self.size_was - self.size_now)} shorter than the {self.size_was} it had{self._end()}"
            )
        elif self.size_now > self.size_was:
            parts.append(f"{_bytes(self.size_now - self.size_was)} longer than the {self.size_was} it had{self._end()}")
        return "; ".join(parts)

    def _end(self) -> str:
        if self.changed_blocks:
            return ""
        if self.size_now > self.size_was:
            return f": what begins at byte {self.offset} was added"
        doubt = "" if self.is_exact else f"; bytes {self.offset} to {self.size_now - 1} may have changed too"
        return f": from byte {self.size_now} on it is gone{doubt}"


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count} bytes"


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _sums(piece: bytes, block_bytes: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """S1 and S2 of each block; a block that is filled up with zeros has the sums of the shorter one."""
    filled = np.frombuffer(piece + bytes(-len(piece) % block_bytes), dtype=np.uint8)
    blocks = filled.reshape(-1, block_bytes).astype(np.float64)  # exact: all sums are below 2^53
    weights = np.stack([np.ones(block_bytes), np.arange(block_bytes, dtype=np.float64)], axis=1)
    both = (blocks @ weights).astype(np.uint32)
    return both[:, 0], both[:, 1]


def of_file(file: BinaryIO, block_bytes: int) -> Fingerprint:
    """Read *file* to its end, in pieces of 1 MiB; slow, so not for the hub."""
    whole = hashlib.sha256()
    size = 0
    digests, sums, places = bytearray(), [], []
    for piece in _pieces(file):
        whole.update(piece)
        size += len(piece)
        for begin in range(0, len(piece), block_bytes):
            digests += hashlib.sha256(piece[begin : begin + block_bytes]).digest()[:_DIGEST_BYTES]
        first, second = _sums(piece, block_bytes)
        sums.append(first)
        places.append(second)
    empty = [np.zeros(0, dtype=np.uint32)]
    blocks = Blocks(block_bytes, bytes(digests), np.concatenate(sums or empty), np.concatenate(places or empty))
    return Fingerprint(size, whole.hexdigest(), blocks)


def compare(file: BinaryIO, size_was: int, sha256_was: str, was: Blocks) -> Difference | None:
    """Where *file* first differs from the size, SHA-256 and blocks it had; None when it is the same.

    Should hash and size differ and yet no block, the blocks are not those of that file; raises Invalid.
    """
    if len(was) != -(-size_was // was.block_bytes):
        raise Invalid(f"blocks: {len(was)}, which {size_was} bytes do not have", field="blocks")
    now = of_file(file, was.block_bytes)
    if now.size_bytes == size_was and now.sha256 == sha256_was:
        return None
    common = min(size_was, now.size_bytes)
    changed = [
        block for block in range(_whole(common, size_was, now, was)) if was.digest(block) != now.blocks.digest(block)
    ]
    if not changed:
        if now.size_bytes == size_was:
            raise Invalid("blocks: they are not those of the sealed file", field="blocks")
        return _at_the_end(file, size_was, now, was)
    first = changed[0]
    begin, until = first * was.block_bytes, min((first + 1) * was.block_bytes, common)
    file.seek(begin)
    found = _one_byte(file.read(until - begin), was, now.blocks, first)
    if found is None:
        return Difference(begin, until, size_was, now.size_bytes, len(changed))
    place, before, after = found
    offset = begin + place
    return Difference(offset, offset + 1, size_was, now.size_bytes, len(changed), before, after)


def _whole(common: int, size_was: int, now: Fingerprint, was: Blocks) -> int:
    """How many blocks can be held against each other: those that are of the same length on both sides."""
    return len(was) if now.size_bytes == size_was else common // was.block_bytes


def _one_byte(block: bytes, was: Blocks, now: Blocks, number: int) -> tuple[int, int, int] | None:
    """Place, former and present value of the only byte that changed in a block; None when more did."""
    change = int(now.sums[number]) - int(was.sums[number])
    moved = int(now.places[number]) - int(was.places[number])
    if not change or moved % change:
        return None
    place = moved // change
    if not 0 <= place < len(block) or not 0 <= block[place] - change <= 255:
        return None
    before = block[place] - change
    restored = block[:place] + bytes([before]) + block[place + 1 :]
    if hashlib.sha256(restored).digest()[:_DIGEST_BYTES] != was.digest(number):
        return None
    return place, before, block[place]


def _at_the_end(file: BinaryIO, size_was: int, now: Fingerprint, was: Blocks) -> Difference:
    """No whole block differs, the sizes do: cut off, added to, or changed within the last block too."""
    common = min(size_was, now.size_bytes)
    begin = common // was.block_bytes * was.block_bytes
    if now.size_bytes > size_was:
        file.seek(begin)
        tail = file.read(size_was - begin)
        is_same = not tail or hashlib.sha256(tail).digest()[:_DIGEST_BYTES] == was.digest(begin // was.block_bytes)
        if is_same:
            return Difference(size_was, size_was + 1, size_was, now.size_bytes, 0)
        return Difference(begin, min(begin + was.block_bytes, size_was), size_was, now.size_bytes, 1)
    # What is left of a block that was cut through cannot be held against the hash of all of it.
    if begin < common:
        return Difference(begin, common + 1, size_was, now.size_bytes, 0)
    return Difference(common, common + 1, size_was, now.size_bytes, 0)
