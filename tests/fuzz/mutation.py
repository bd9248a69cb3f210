"""Cases made from seeds by a seeded dice: the same seed gives the same cases, on any machine."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from tests.fuzz.json_mutation import as_bytes, changed

LONGEST_CASE_BYTES = 16_384
MOST_STEPS = 6
STRETCHES = (2, 3, 8, 64, 700, 4000)
"""How often a piece is repeated: some of them reach every bound of a line (4 and 8 kB)."""
ODD_BYTES = (0, 9, 10, 13, 26, 32, 36, 44, 45, 46, 47, 48, 57, 92, 127, 128, 255)
ODD_NUMBERS = (b"0", b"-1", b"-0", b"1e309", b"9" * 20, b"9" * 400, b"2147483648", b"nan", b"0x10", b"\xc2\xb2", b"")


class Mutator:
    """Takes cases from seeds: bytes changed, pieces cut, doubled, stretched or swapped, words of the grammar put in."""

    def __init__(
        self, seeds: Sequence[bytes], words: Sequence[bytes], dice: random.Random, *, is_json: bool = False
    ) -> None:
        self._seeds = list(seeds) or [b""]
        self._documents = [document for seed in seeds for document in _document(seed)] if is_json else []
        self._words = [*words, *ODD_NUMBERS]
        self._dice = dice
        self._steps = (
            *(self._change_byte, self._flip_bit, self._cut, self._double, self._stretch, self._put_word),
            *(self._put_word, self._other_number, self._splice, self._end_early, self._insert_bytes),
        )

    def case(self) -> bytes:
        """The next case."""
        if self._documents and self._dice.random() < 0.7:
            return as_bytes(changed(self._dice.choice(self._documents), self._dice))
        data = self._dice.choice(self._seeds)
        for _ in range(self._dice.randint(1, MOST_STEPS)):
            data = self._dice.choice(self._steps)(data)
        return data[:LONGEST_CASE_BYTES]

    def _span(self, data: bytes, most: int = 40) -> tuple[int, int]:
        begin = self._dice.randint(0, len(data))
        return begin, min(len(data), begin + self._dice.randint(1, most))

    def _change_byte(self, data: bytes) -> bytes:
        at = self._dice.randint(0, max(0, len(data) - 1))
        byte = self._dice.choice(ODD_BYTES) if self._dice.random() < 0.5 else self._dice.randrange(256)
        return data[:at] + bytes([byte]) + data[at + 1 :]

    def _flip_bit(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self._dice.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self._dice.randrange(8)]) + data[at + 1 :]

    def _cut(self, data: bytes) -> bytes:
        begin, end = self._span(data)
        return data[:begin] + data[end:]

    def _double(self, data: bytes) -> bytes:
        begin, end = self._span(data)
        return data[:end] + data[begin:]

    def _stretch(self, data: bytes) -> bytes:
        begin, end = self._span(data, 1 if self._dice.random() < 0.6 else 20)
        return data[:begin] + data[begin:end] * self._dice.choice(STRETCHES) + data[end:]

    def _put_word(self, data: bytes) -> bytes:
        begin, end = self._span(data, 12)
        end = begin if self._dice.random() < 0.5 else end
        return data[:begin] + self._dice.choice(self._words) + data[end:]

    def _other_number(self, data: bytes) -> bytes:
        digits = [at for at, byte in enumerate(data) if 48 <= byte <= 57]
        if not digits:
            return data
        begin = end = self._dice.choice(digits)
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        return data[:begin] + self._dice.choice(ODD_NUMBERS) + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._dice.choice(self._seeds)
        return data[: self._dice.randint(0, len(data))] + other[self._dice.randint(0, len(other)) :]

    def _end_early(self, data: bytes) -> bytes:
        return data[: self._dice.randint(0, len(data))]

    def _insert_bytes(self, data: bytes) -> bytes:
        at = self._dice.randint(0, len(data))
        return data[:at] + self._dice.randbytes(self._dice.randint(1, 8)) + data[at:]


def _document(seed: bytes) -> list[Any]:
    """A seed as JSON; nothing for one that is none."""
    try:
        return [json.loads(seed)]
    except (ValueError, RecursionError):
        return []
