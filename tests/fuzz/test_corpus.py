"""Every input that ever broke a promise, some that reach rare branches, and thousands of changed ones: all is kept."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from tests.fuzz import everything, rest, wire
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import CORPUS, Finding, Target, TooSlow, kept, name_of, tried
from tests.server import RunningServer

TARGETS = everything.targets()
SEED = 20261121
CHANGED = {"environment": 150, "old_database": 100, "backup": 400, "link": 400, "header": 600, "stored": 600}
"""How many changed cases of those that take longer; the others get the usual number."""
USUAL_CHANGED = 1500
MOST_FILES, MOST_BYTES = 150, 200_000


@pytest.fixture(autouse=True)
def unlogged() -> Iterator[None]:
    """Thousands of refusals are what is wanted, and no news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def told(findings: Iterator[Finding | None]) -> str:
    """The first three findings, for whoever reads a failed test."""
    found = [finding for finding in findings if finding is not None][:3]
    return "\n".join(f"{finding.data!r:.2000}\n{finding.why}" for finding in found)


def changed(target: Target) -> Iterator[bytes]:
    mutator = Mutator([*target.seeds, *kept(target.name)], target.words, random.Random(SEED), is_json=target.is_json)
    return (mutator.case() for _ in range(CHANGED.get(target.name, USUAL_CHANGED)))


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_stays_mended(name: str) -> None:
    target = TARGETS[name]
    assert not told(tried(target, data) for data in chain(target.seeds, kept(name)))


@pytest.mark.parametrize("name", TARGETS)
def test_changed_examples_break_nothing(name: str) -> None:
    assert not told(tried(TARGETS[name], data) for data in changed(TARGETS[name]))


def test_requests_to_the_whole_application_break_nothing() -> None:
    target = rest.target()
    mutator = rest.RestMutator(target.seeds, random.Random(SEED))
    cases = chain(kept("rest"), (mutator.case() for _ in range(250)))
    try:
        assert not told(tried(target, data) for data in cases)
    finally:
        rest.SERVICE.stop()


@pytest.mark.deadline(120)
def test_bytes_on_the_port_break_nothing(server: Callable[..., RunningServer]) -> None:
    port = wire.Port(server(SLMM_AUTH="off"))
    target = wire.target(port)
    mutator = Mutator(target.seeds, target.words, random.Random(SEED))
    cases = chain(kept("wire"), target.seeds[::4], (mutator.case() for _ in range(40)))
    assert not told(tried(target, data) for data in cases)
    port.look()


def test_the_corpus_is_small_and_named_by_its_content() -> None:
    for folder in CORPUS.iterdir():
        files = sorted(folder.iterdir())
        assert folder.name in {*TARGETS, "rest", "wire"}
        assert len(files) <= MOST_FILES
        assert sum(path.stat().st_size for path in files) <= MOST_BYTES
        assert [path.name for path in files] == [name_of(path.read_bytes()) for path in files]


def test_a_reader_that_breaks_its_promise_is_found() -> None:
    """The judge itself: another error, endless work, and an error without a sentence."""

    def endless(_: bytes) -> None:
        while True:
            pass

    def wordless(_: bytes) -> None:
        raise KeyError

    def wrong(data: bytes) -> None:
        raise ValueError(data)

    slow = tried(Target("t", "", endless, (), cpu_s=0.05), b"")
    assert slow is not None
    assert slow.key.startswith(TooSlow.__name__)
    assert "ValueError: b'x'" in told(iter([tried(Target("t", "", wrong, ()), b"x")]))
    assert tried(Target("t", "", wordless, (), allowed=(KeyError,)), b"") is not None
    assert tried(Target("t", "", wrong, (), allowed=(ValueError,)), b"x") is None
