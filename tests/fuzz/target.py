"""What is fuzzed, and how one case is judged: only the documented errors, little time, little memory."""

from __future__ import annotations

import hashlib
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

CORPUS = Path(__file__).with_name("corpus")
CPU_LIMIT_S = 1.0
"""Of one case; the longest has some kilobytes, and a meter that is read once a second sends no more."""
MEMORY_LIMIT_KB = 200_000
"""By how much one case may raise the most that the process has ever held."""


class TooSlow(BaseException):
    """A case took more than its time; no handler for errors may take it."""


class TooLarge(Exception):
    """A case took more than its memory."""


@dataclass(frozen=True, slots=True)
class Target:
    """A function that takes bytes from outside, with examples of what it should take."""

    name: str
    what: str
    """For a table."""
    run: Callable[[bytes], None]
    """Raises for what must not happen."""
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    """Pieces of the grammar."""
    allowed: tuple[type[Exception], ...] = ()
    """What its docstring says that it raises."""
    imports: tuple[str, ...] = ()
    """Packages whose branches guide the search."""
    is_json: bool = False
    """Most cases are changed as documents, not as bytes."""
    cpu_s: float = CPU_LIMIT_S
    """What one case may take of the processor."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that broke a promise."""

    target: str
    data: bytes
    why: str
    key: str
    """What broke where, so that the same fault is told once."""


@contextmanager
def within(cpu_s: float) -> Iterator[None]:
    """Raises TooSlow when the block takes more of the processor than that, in a regular expression too."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"more than {cpu_s:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def check(target: Target, data: bytes) -> None:
    """Run one case; raises what must not be raised."""
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with within(target.cpu_s):
        try:
            target.run(data)
        except target.allowed as error:
            assert str(error), f"{type(error).__name__} without a sentence"
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    if grown_kb > MEMORY_LIMIT_KB:
        raise TooLarge(f"{grown_kb} kB for a case of {len(data)} bytes")


def tried(target: Target, data: bytes) -> Finding | None:
    """What one case has shown; None when all was as promised."""
    try:
        check(target, data)
    except (Exception, TooSlow) as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = "" if isinstance(error, TooSlow) else f"{frame.filename}:{frame.lineno}"
        return Finding(target.name, data, "".join(traceback.format_exception(error)), f"{type(error).__name__} {place}")
    return None


def name_of(data: bytes) -> str:
    """What a case is called in the corpus."""
    return f"{hashlib.sha256(data).hexdigest()[:16]}.bin"


def kept(target_name: str) -> list[bytes]:
    """The corpus of a target, in the order of its names."""
    return [path.read_bytes() for path in sorted((CORPUS / target_name).glob("*.bin"))]


def keep(target_name: str, data: bytes) -> Path:
    """Put a case into the corpus."""
    path = CORPUS / target_name / name_of(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
