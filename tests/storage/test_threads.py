"""Work in threads: its result, its error, and whose lines it writes."""

import json
import logging
from collections.abc import Iterator

import gevent
import pytest
from gevent.threadpool import ThreadPool

from slmm import logs
from slmm.storage.threads import run_in

logger = logging.getLogger("slmm.storage.threads.test")


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    made = ThreadPool(1)
    yield made
    made.kill()


@pytest.fixture
def lines() -> Iterator[list[dict[str, str]]]:
    """What is logged, as the JSON form tells it."""
    told: list[dict[str, str]] = []

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(json.loads(self.format(record)))

    handler = Told()
    handler.setFormatter(logs.JsonLines())
    logger.addHandler(handler)
    yield told
    logger.removeHandler(handler)


def in_greenlet(pool: ThreadPool, request_id: str | None, words: str) -> None:
    def work() -> None:
        logs.note(request_id=request_id)
        run_in(pool, logger.warning, words)
        logger.warning("after %s", words)

    gevent.spawn(work).get(timeout=10)


def test_lines_from_a_thread_name_the_request_they_are_written_for(
    pool: ThreadPool, lines: list[dict[str, str]]
) -> None:
    in_greenlet(pool, "r1", "first")
    in_greenlet(pool, None, "second")  # in the same thread, for nobody's request
    in_greenlet(pool, "r3", "third")
    assert [(line["message"], line.get("request_id")) for line in lines] == [
        ("first", "r1"),
        ("after first", "r1"),
        ("second", None),
        ("after second", None),
        ("third", "r3"),
        ("after third", "r3"),
    ]


def test_a_thread_that_failed_forgets_whom_it_worked_for(pool: ThreadPool, lines: list[dict[str, str]]) -> None:
    def fail() -> None:
        logs.note(request_id="r1")
        run_in(pool, int, "nothing")

    with pytest.raises(ValueError, match="nothing"):
        gevent.spawn(fail).get(timeout=10)
    pool.spawn(logger.warning, "bare").get(timeout=10)
    assert "request_id" not in lines[-1]
