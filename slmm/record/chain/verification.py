"""Holds what is stored against its seals, and says what changed, where, and what could not be checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from slmm.errors import DiskTrouble, Invalid
from slmm.record.card import originals
from slmm.record.chain import fingerprint, sealed_minutes
from slmm.record.chain.fingerprint import Blocks, Difference
from slmm.record.chain.seals import Chain, Seal, Standing
from slmm.record.periods import Made
from slmm.times import timestamp, timestamp_or_none

LEVELS = PurePosixPath("record/levels")
CARD = PurePosixPath("record") / originals.FOLDER
"""Below the data directory; every file in them has a seal."""

Progress = Callable[[int, int, str], None]
"""Told how many of how many are done, and which is next."""
MinutesOf = Callable[[datetime], list[Made]]


class Verdict(StrEnum):
    """What came of it all."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    UNCHECKED = "unchecked"
    """Nothing was found changed, but not everything could be looked at."""


class What(StrEnum):
    """What was found."""

    LINK = "link"
    HEAD = "head"
    FILE = "file"
    MISSING = "missing"
    UNSEALED = "unsealed"
    MINUTES = "minutes"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed."""

    what: What
    subject: str
    text: str
    number: int | None = None
    """Of the link concerned."""
    sealed_at: datetime | None = None
    difference: Difference | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        found = self.difference
        return {
            "what": str(self.what),
            "subject": self.subject,
            "text": self.text,
            "link": self.number,
            "sealed_at": timestamp_or_none(self.sealed_at),
            "offset": found.offset if found else None,
            "until": found.until if found else None,
            "byte_was": found.was if found else None,
            "byte_is": found.now if found else None,
        }


@dataclass(slots=True)
class Report:
    """The outcome of a verification."""

    checked_at: datetime
    links: int
    head: str
    head_number: int
    files: int = 0
    """Files read to their end."""
    size_bytes: int = 0
    hours: int | None = None
    """Hours of minutes held against their seals; None where the minutes could not be read."""
    findings: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    """Sentences."""

    @property
    def verdict(self) -> Verdict:
        """Changed, as soon as anything is."""
        if self.findings:
            return Verdict.CHANGED
        return Verdict.UNCHECKED if self.unchecked else Verdict.UNCHANGED

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": str(self.verdict),
            "checked_at": timestamp(self.checked_at),
            "head": self.head,
            "head_link": self.head_number,
            "links": self.links,
            "files": self.files,
            "size_bytes": self.size_bytes,
            "hours": self.hours,
            "findings": [finding.as_json() for finding in self.findings],
            "unchecked": self.unchecked,
        }


class Pool(Protocol):
    """Runs something slow off the hub."""

    def __call__(self, slow: Callable[..., Any], *args: Any) -> Any:
        """Its result."""


def check_chain(standing: Standing, heads: Sequence[str]) -> Iterator[Finding]:
    """The first link that does not hold, the asked heads that are none, and what the service itself had found."""
    if standing.broken is not None:
        yield Finding(
            What.LINK, str(standing.broken_at), f"{standing.broken}; nothing after it is proved", standing.broken_at
        )
    for head in heads:
        if head not in standing.noted:
            text = f"no link is {head}: links at the end were removed, or all of them made anew from some point on"
            yield Finding(What.HEAD, head, text)
    for seal in standing.altered:
        text = f"on {timestamp(seal.at)} the service found minutes of {seal.subject} that were not those it had sealed"
        yield Finding(What.MINUTES, seal.subject, text, seal.number, seal.at)


def check_file(path: Path, seal: Seal, blocks: bytes | None) -> Finding | None:
    """One sealed file, read to its end; raises OSError when it cannot be."""
    about = (seal.number, seal.at)
    try:
        was = Blocks.unpacked(blocks) if blocks is not None else None
        with path.open("rb") as file:
            if was is None:
                now = fingerprint.of_file(file, fingerprint.BLOCK_BYTES)
                if (now.size_bytes, now.sha256) == (seal.size_bytes, seal.sha256):
                    return None
                text = f"{seal.subject}: changed, and nothing is known of where"
                return Finding(What.FILE, seal.subject, text, *about)
            found = fingerprint.compare(file, seal.size_bytes, seal.sha256, was)
    except FileNotFoundError:
        return Finding(What.MISSING, seal.subject, f"{seal.subject}: missing, {seal.size_bytes} bytes", *about)
    except Invalid:
        text = f"{seal.subject}: it or its seal changed; the block hashes of link {seal.number} do not fit it"
        return Finding(What.FILE, seal.subject, text, *about)
    return None if found is None else Finding(What.FILE, seal.subject, f"{seal.subject}: {found}", *about, found)


def quiet(done: int, total: int, subject: str) -> None:
    """Progress that nobody watches."""


def begin_report(chain: Chain, heads: Sequence[str] = ()) -> tuple[Standing, Report]:
    """The chain read and checked; what else is stored is not."""
    standing = chain.standing(heads)
    report = Report(datetime.now(UTC), standing.links, standing.head, standing.head_number)
    report.findings += check_chain(standing, heads)
    if not standing.links:
        report.unchecked.append("nothing is sealed yet, so there is nothing to hold anything against")
    return standing, report


def inside(data_dir: Path, subject: str) -> Path | None:
    """Where a sealed file is; None for a subject that leads out of the data directory."""
    below = PurePosixPath(subject)
    return None if below.is_absolute() or ".." in below.parts else data_dir / below


def check_files(
    data_dir: Path, standing: Standing, chain: Chain, report: Report, in_pool: Pool, progress: Progress
) -> None:
    """Every file that has a seal, into *report*."""
    total = len(standing.files)
    for done, (subject, seal) in enumerate(sorted(standing.files.items())):
        progress(done, total, subject)
        path = inside(data_dir, subject)
        if path is None:
            text = f"{subject!r} leads out of the data directory; no such file was ever sealed"
            report.findings.append(Finding(What.LINK, subject, text, seal.number, seal.at))
            continue
        try:
            found = in_pool(check_file, path, seal, chain.blocks(seal.number))
        except OSError as error:
            report.unchecked.append(f"{subject} cannot be read: {error.strerror or error}")
            continue
        report.files += found is None or found.what is What.FILE
        report.size_bytes += seal.size_bytes
        if found is not None:
            report.findings.append(found)
    progress(total, total, "")


def stored_below(folder: Path) -> list[Path]:
    """All files in a folder that are whole: what is being written has a name with a dot before it."""
    return sorted(path for path in folder.rglob("*") if not path.name.startswith(".") and path.is_file())


def check_unsealed(
    data_dir: Path, standing: Standing, findings: Iterable[Finding], newer_than_s: float
) -> list[Finding]:
    """Files of the record without a seal; one that is a missing file under another name is told as such.

    Those written after *newer_than_s* (a time stamp in s) may be on their way to their seal.
    """
    missing = {standing.files[each.subject].sha256: each.subject for each in findings if each.what is What.MISSING}
    found = []
    for path in (*stored_below(data_dir / LEVELS), *stored_below(data_dir / CARD)):
        subject = path.relative_to(data_dir).as_posix()
        if subject in standing.files or path.stat().st_mtime > newer_than_s:
            continue
        text = f"{subject}: a file of the record without a seal"
        if missing:
            with path.open("rb") as file:
                before = missing.get(fingerprint.of_file(file, fingerprint.BLOCK_BYTES).sha256)
            text += f"; it is {before}, under another name" if before else ""
        found.append(Finding(What.UNSEALED, subject, text))
    return found


def drop_outdated(report: Report, standing: Standing) -> None:
    """Take out what a newer look at the chain explains: retention removed a file, or it was sealed meanwhile."""
    report.findings = [
        found
        for found in report.findings
        if not (found.what is What.MISSING and found.subject not in standing.files)
        and not (found.what is What.UNSEALED and found.subject in standing.files)
    ]


def hours_to_check(
    standing: Standing, detailed: Collection[int], in_tables: Iterable[datetime], *, every: bool = False
) -> list[Seal]:
    """Seals of hours whose minutes are not surely in sealed files; with *every*, of all that are still kept."""
    days = {_day_of(subject) for subject in (*standing.files, *standing.gone) if _is_minutes(subject)}
    gone = {_day_of(subject) for subject in standing.gone if _is_minutes(subject)}
    there = {sealed_minutes.subject_of(hour) for hour in in_tables}

    def is_due(subject: str, seal: Seal) -> bool:
        if subject in there or seal.number in detailed:
            return True
        day = subject[:10]
        return (every and day not in gone) or day not in days

    return [seal for subject, seal in sorted(standing.hours.items()) if is_due(subject, seal)]


def _is_minutes(subject: str) -> bool:
    return subject.startswith(f"{LEVELS}/minutes/")


def _day_of(subject: str) -> str:
    return PurePosixPath(subject).name.partition(".")[0]


def check_hours(due: Sequence[Seal], minutes_of: MinutesOf, chain: Chain, report: Report, progress: Progress) -> None:
    """The minutes of these hours against their seals, into *report*."""
    report.hours = report.hours or 0
    unread: list[str] = []
    for done, seal in enumerate(due):
        progress(done, len(due), f"minutes of {seal.subject}")
        try:
            hour = sealed_minutes.hour_named(seal.subject)
        except Invalid as error:
            report.findings.append(Finding(What.LINK, seal.subject, str(error), seal.number, seal.at))
            continue
        try:
            made = minutes_of(hour)
        except DiskTrouble as error:  # a file that cannot be read is named by itself
            unread.append(str(error))
            continue
        report.hours += 1
        text = why_changed(hour, seal, chain.blocks(seal.number), made)
        if text is not None:
            report.findings.append(Finding(What.MINUTES, seal.subject, text, seal.number, seal.at))
    if unread:
        report.unchecked.append(f"the minutes of {len(unread)} hours: {unread[0]}")
    progress(len(due), len(due), "")


def why_changed(hour: datetime, seal: Seal, blocks: bytes | None, made: Iterable[Made]) -> str | None:
    """Which minutes of an hour are not those that were sealed; None when all are."""
    now = sealed_minutes.print_of(made)
    if now.sha256 == seal.sha256:
        return None
    until = hour + timedelta(hours=1)
    if blocks is not None:
        try:
            if found := sealed_minutes.changes(hour, blocks, now.blocks):
                return sealed_minutes.told(found)
        except Invalid:
            pass  # told by the link, whose hash does not fit them either
    return f"the minutes of {hour:%Y-%m-%d %H:%M} to {until:%H:%M} UTC are not those that were sealed"
