"""Work that may be slow, done in a thread while the calling greenlet waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from gevent.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


def _outcome(slow: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Exception | None]:
    """What came of it: an exception that leaves a pool thread is printed by gevent, whoever catches it later."""
    try:
        return slow(*args, **kwargs), None
    except Exception as error:  # noqa: BLE001 - raised again by the caller
        return None, error


def run_in(pool: ThreadPool, slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *slow* in a thread of *pool*; its result, or what it raised."""
    result, error = pool.spawn(_outcome, slow, *args, **kwargs).get()
    if error is not None:
        raise error
    return cast("T", result)
