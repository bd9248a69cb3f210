"""One thread in which reports are judged and set, one after the other: seconds of arithmetic, and never on the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from gevent.threadpool import ThreadPool

from slmm.storage.threads import run_in

P = ParamSpec("P")
T = TypeVar("T")


class Press:
    """Its thread begins with its first work."""

    def __init__(self) -> None:
        self._pool: ThreadPool | None = None

    def run(self, slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in the thread, and wait."""
        if self._pool is None:
            self._pool = ThreadPool(1)
        return run_in(self._pool, slow, *args, **kwargs)
