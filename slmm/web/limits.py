"""How often one address may try something; counted in memory, never on streams, which last."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, current_app, request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from slmm.errors import TooMany

View = TypeVar("View", bound=Callable[..., Any])

LOGINS = "10 per minute; 60 per hour"
"""Tries at a password or a code."""
SHARES = "60 per minute"
"""Tries at a share link."""


class RateLimits:
    """The counts of one application; made with the first try, for counting starts a greenlet."""

    def __init__(self) -> None:
        self._limiter: MovingWindowRateLimiter | None = None

    def hit(self, limits: list[RateLimitItem], what: str, who: str) -> None:
        """Count one try; raises TooMany."""
        if self._limiter is None:
            self._limiter = MovingWindowRateLimiter(MemoryStorage())
        for limit in limits:
            if not self._limiter.hit(limit, what, who):
                reset_s = self._limiter.get_window_stats(limit, what, who).reset_time - time.time()
                raise TooMany(f"too many tries from {who}: {limit}", retry_after_s=max(1.0, reset_s))


def limited(text: str) -> Callable[[View], View]:
    """Let one address come so often only, such as ``10 per minute; 60 per hour``."""
    limits = parse_many(text)

    def wrap(view: View) -> View:
        @wraps(view)
        def counted(*args: Any, **kwargs: Any) -> Any:
            found: RateLimits = current_app.extensions["slmm.limits"]
            found.hit(limits, view.__name__, request.remote_addr or "unknown")
            return view(*args, **kwargs)

        return cast(View, counted)

    return wrap


def register(app: Flask) -> None:
    """Give the application its counts."""
    app.extensions["slmm.limits"] = RateLimits()
