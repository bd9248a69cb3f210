"""Work that may be slow, done in a thread while the calling greenlet waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from gevent.threadpool import ThreadPool

from slmm import logs

P = ParamSpec("P")
T = TypeVar("T")


def _outcome(
    noted: Mapping[str, str], slow: Callable[..., Any], *args: Any, **kwargs: Any
) -> tuple[Any, Exception | None]:
    """What came of it: an exception that leaves a pool thread is printed by gevent, whoever catches it later.

    Lines that are logged meanwhile are about what the caller's are about. Nothing else of the caller's context comes
    along: a request has no business in a thread.
    """
    logs.renote(noted)
    try:
        return slow(*args, **kwargs), None
    except Exception as error:  # noqa: BLE001 - raised again by the caller
        return None, error
    finally:
        logs.renote({})


def run_in(pool: ThreadPool, slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *slow* in a thread of *pool*; its result, or what it raised."""
    result, error = pool.spawn(_outcome, logs.noted(), slow, *args, **kwargs).get()
    if error is not None:
        raise error
    return cast("T", result)
