"""The chain of evidence: each link holds the hash of what was stored, and the hash of the link before it.

Whoever changes a link, or takes one out, has to make every later one anew, and then the last is another than the one
somebody noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from slmm.storage.database import Database
from slmm.storage.models import SealRow

FIRST = "0" * 64
"""What the first link has for the one before it."""
_FORM = "slmm-seal-1"
_AT_ONCE = 500
_COLUMNS = (
    SealRow.id,
    SealRow.at,
    SealRow.kind,
    SealRow.subject,
    SealRow.size_bytes,
    SealRow.sha256,
    SealRow.blocks_sha256,
    SealRow.previous,
    SealRow.link,
)


class Kind(StrEnum):
    """What a link says."""

    LEVELS = "levels"
    """A Parquet file of the record was put in place."""
    CARD = "card"
    """An original of an SD card was fetched."""
    MINUTES = "minutes"
    """The minutes of all units in one hour were made, or made anew."""
    GONE = "gone"
    """A file was removed, being older than its retention."""
    ALTERED = "altered"
    """The service itself found minutes that are not those it sealed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is to be sealed."""

    at: datetime
    kind: Kind
    subject: str
    size_bytes: int
    sha256: str
    blocks: bytes | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """One link."""

    number: int
    at: datetime
    kind: str
    subject: str
    size_bytes: int
    sha256: str
    blocks: bytes | None
    blocks_sha256: str
    previous: str
    link: str

    def text(self) -> str:
        """What the hash of the link is made of: a JSON list without spaces, in ASCII."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return json.dumps(
            [
                _FORM,
                self.number,
                at,
                self.kind,
                self.subject,
                self.size_bytes,
                self.sha256,
                self.blocks_sha256,
                self.previous,
            ],
            separators=(",", ":"),
        )

    def true_link(self) -> str:
        """What ``link`` has to be."""
        return hashlib.sha256(self.text().encode("ascii")).hexdigest()


def linked(stored: Stored, number: int, previous: str) -> Seal:
    """The next link after *previous*."""
    blocks_sha256 = "" if stored.blocks is None else hashlib.sha256(stored.blocks).hexdigest()
    made = Seal(
        number,
        stored.at,
        str(stored.kind),
        stored.subject,
        stored.size_bytes,
        stored.sha256,
        stored.blocks,
        blocks_sha256,
        previous,
        link="",
    )
    return replace(made, link=made.true_link())


@dataclass(slots=True)
class Standing:
    """What a chain says is there now, and whether its links hold."""

    links: int = 0
    head: str = FIRST
    """Hash of the last link."""
    head_number: int = 0
    head_at: datetime | None = None
    files: dict[str, Seal] = field(default_factory=dict)
    """The newest seal of each file that should be there, without its blocks, by path below the data directory."""
    hours: dict[str, Seal] = field(default_factory=dict)
    """The newest seal of the minutes of each hour, likewise."""
    altered: list[Seal] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    """Those of the asked hashes that are a link."""
    broken_at: int | None = None
    """Number of the first link that does not hold."""
    broken: str | None = None
    """Why, in words."""

    def add(self, seal: Seal, heads: Iterable[str] = ()) -> None:
        """Take in the next link, in order of number."""
        if self.broken is None and (why := self._why_broken(seal)):
            self.broken_at, self.broken = seal.number, why
        self.links += 1
        self.head, self.head_number, self.head_at = seal.link, seal.number, seal.at
        self.noted.update(head for head in heads if seal.link.startswith(head))
        plain = replace(seal, blocks=None)
        if seal.kind in (Kind.LEVELS, Kind.CARD):
            self.files[seal.subject] = plain
            self.gone.discard(seal.subject)
        elif seal.kind == Kind.GONE:
            self.files.pop(seal.subject, None)
            self.gone.add(seal.subject)
        elif seal.kind == Kind.MINUTES:
            self.hours[seal.subject] = plain
        elif seal.kind == Kind.ALTERED:
            self.altered.append(plain)

    def _why_broken(self, seal: Seal) -> str | None:
        expected = self.head_number + 1
        if seal.number != expected:
            missing = "" if seal.number < expected else f": {seal.number - expected} before it are missing"
            return f"link {seal.number} stands where link {expected} should{missing}"
        if seal.link != seal.true_link():
            return f"link {seal.number} ({seal.kind} {seal.subject}) was changed: its hash is not that of what it says"
        if seal.previous != self.head:
            return f"link {seal.number} ({seal.kind} {seal.subject}) does not follow link {self.head_number}"
        if seal.blocks is not None and hashlib.sha256(seal.blocks).hexdigest() != seal.blocks_sha256:
            return f"the block hashes of link {seal.number} ({seal.kind} {seal.subject}) were changed"
        return None


class Chain:
    """The links in the database; what is written is never changed, but block hashes may be let go of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, stored: Sequence[Stored]) -> list[Seal]:
        """Seal things in one transaction, in order; the links that were made."""

        def change(session: Session) -> list[Seal]:
            last = session.execute(select(SealRow.id, SealRow.link).order_by(SealRow.id.desc()).limit(1)).first()
            number, previous = (last.id, last.link) if last else (0, FIRST)
            made = []
            for each in stored:
                seal = linked(each, number + 1, previous)
                number, previous = seal.number, seal.link
                made.append(seal)
            session.add_all(_row(seal) for seal in made)
            return made

        return self._database.write(change) if stored else []

    def standing(self, heads: Sequence[str] = (), *, with_blocks: bool = True) -> Standing:
        """Read and check all links; without blocks it is fast, and the blocks are not checked."""
        found = Standing()
        while self._database.read(lambda session: self._take_piece(session, found, heads, with_blocks)) == _AT_ONCE:
            pass
        return found

    def _take_piece(self, session: Session, found: Standing, heads: Sequence[str], with_blocks: bool) -> int:
        """The next links; how many."""
        columns = [*_COLUMNS, SealRow.blocks] if with_blocks else _COLUMNS
        query = select(*columns).where(SealRow.id > found.head_number).order_by(SealRow.id).limit(_AT_ONCE)
        seals = [_seal(row) for row in session.execute(query)]
        for seal in seals:
            found.add(seal, heads)
        return len(seals)

    def head(self) -> Seal | None:
        """The last link, without its blocks."""
        query = select(*_COLUMNS).order_by(SealRow.id.desc()).limit(1)
        return self._database.read(lambda session: next((_seal(row) for row in session.execute(query)), None))

    def counts(self) -> dict[str, int]:
        """How many links of each kind there are."""
        query = select(SealRow.kind, func.count()).group_by(SealRow.kind)
        return self._database.read(lambda session: {row[0]: row[1] for row in session.execute(query)})

    def blocks(self, number: int) -> bytes | None:
        """The block hashes of one link, if they are still there."""
        query = select(SealRow.blocks).where(SealRow.id == number)
        return self._database.read(lambda session: session.scalar(query))

    def detailed(self, kind: Kind) -> set[int]:
        """Numbers of the links of a kind that still have their block hashes."""
        query = select(SealRow.id).where(SealRow.kind == str(kind), SealRow.blocks.is_not(None))
        return self._database.read(lambda session: set(session.scalars(query)))

    def forget_blocks(self, numbers: Sequence[int]) -> None:
        """Let go of block hashes that nobody will need, for they are most of what a link takes."""

        def change(session: Session) -> None:
            for number in numbers:
                session.execute(update(SealRow).where(SealRow.id == number).values(blocks=None))

        if numbers:
            self._database.write(change)


def _row(seal: Seal) -> SealRow:
    values = {name: getattr(seal, name) for name in Seal.__slots__ if name != "number"}
    return SealRow(id=seal.number, **values)


def _seal(row: Sequence[Any]) -> Seal:
    """A row of _COLUMNS, and of the blocks if they were asked for."""
    number, at, kind, subject, size_bytes, sha256, blocks_sha256, previous, link, *blocks = row
    return Seal(
        number, at, kind, subject, size_bytes, sha256, blocks[0] if blocks else None, blocks_sha256, previous, link
    )
