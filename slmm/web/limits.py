"""What nobody may have too much of: tries and requests of one address, open streams, rows of one export.

Counted in memory. Addresses of this machine are no single client: a proxy stands there, or a program of ours; so they
are left out where a limit is one for each address, except for tries at a password.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

from flask import Flask, current_app, request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from slmm.errors import Invalid, TooMany
from slmm.live.audience import Channel
from slmm.steady import SteadyClock
from slmm.web import context
from slmm.web.metrics.exposition import exposition

View = TypeVar("View", bound=Callable[..., Any])

OTHER = "other_rate"
STREAM_RETRY_S = 15.0
_UNCOUNTED = frozenset({"static", "health.healthz", "health.readyz", "health.metrics"})


class RateLimits:
    """The counts of one application; made with the first try, for counting starts a greenlet.

    They are kept by the wall clock: when it is set they begin anew, else who had his share would wait until it is over.
    """

    def __init__(self, clock: SteadyClock | None = None) -> None:
        self._clock = clock or SteadyClock()
        self._tries: MovingWindowRateLimiter | None = None
        self._requests: FixedWindowRateLimiter | None = None

    def hit(self, limits: Iterable[RateLimitItem], what: str, who: str) -> None:
        """Count one try; raises TooMany."""
        self._follow_clock()
        if self._tries is None:
            self._tries = MovingWindowRateLimiter(MemoryStorage())
        for limit in limits:
            if not self._tries.hit(limit, what, who):
                reset_s = self._tries.get_window_stats(limit, what, who).reset_time - time.time()
                raise TooMany(f"too many tries from {who}: {limit}", retry_after_s=max(1.0, reset_s))

    def hit_any(self, limits: Iterable[RateLimitItem], who: str) -> None:
        """Count one request of whatever kind, without remembering when each came; raises TooMany."""
        self._follow_clock()
        if self._requests is None:
            self._requests = FixedWindowRateLimiter(MemoryStorage())
        for limit in limits:
            if not self._requests.hit(limit, who):
                reset_s = self._requests.get_window_stats(limit, who).reset_time - time.time()
                raise TooMany(f"too many requests from {who}: {limit}", retry_after_s=max(1.0, reset_s))

    def _follow_clock(self) -> None:
        if self._clock.check() is not None:
            self._tries = self._requests = None


@lru_cache(maxsize=32)
def _parsed(text: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(text)) if text else ()


@lru_cache(maxsize=4096)
def is_of_this_machine(address: str) -> bool:
    """Whether nobody but this computer can have that address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return not address  # a socket of the file system has none
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _counts() -> RateLimits:
    return cast(RateLimits, current_app.extensions["slmm.limits"])


def limited(text: str = "", *, by: str = OTHER) -> Callable[[View], View]:
    """Let one address come so often only, such as ``10 per minute; 60 per hour``, or as often as the setting *by*."""

    def wrap(view: View) -> View:
        @wraps(view)
        def counted(*args: Any, **kwargs: Any) -> Any:
            wanted = text or getattr(context.runtime().settings, by)
            try:
                _counts().hit(_parsed(wanted), view.__name__, request.remote_addr or "unknown")
            except TooMany:
                exposition().web.refusals.note(by)
                raise
            return view(*args, **kwargs)

        return cast(View, counted)

    return wrap


def _count_request() -> None:
    text, who = context.runtime().settings.request_rate, request.remote_addr or ""
    if not text or request.endpoint in _UNCOUNTED or is_of_this_machine(who):
        return
    try:
        _counts().hit_any(_parsed(text), who)
    except TooMany:
        exposition().web.refusals.note("request_rate")
        raise


@dataclass(frozen=True, slots=True)
class NoStream:
    """Why a stream is not opened."""

    code: str
    detail: str


def refused_stream(units: Iterable[str] | None, channel: Channel) -> NoStream | None:
    """Why the client may not open one stream more; None when it may. The refusal is counted."""
    runtime, who = context.runtime(), request.remote_addr or ""
    hub, settings = runtime.hub, runtime.settings
    limit, refusal = "", None
    if hub.viewers() >= settings.max_streams:
        limit = "streams"
        refusal = NoStream("too_many_streams", f"{settings.max_streams} streams are open; come back later")
    elif hub.streams_from(who) >= settings.max_streams_per_address and not is_of_this_machine(who):
        limit = "streams_per_address"
        told = f"{settings.max_streams_per_address} streams are open from {who}; close pages that nobody looks at"
        refusal = NoStream("too_many_streams_of_address", told)
    elif channel is Channel.STREAM:
        streamed = hub.units_streamed()
        if len(streamed) >= settings.max_drd_units and not streamed.issuperset(units or ()):
            limit = "drd_units"
            told = f"the 100 ms streams of {settings.max_drd_units} units are followed already; end one of them first"
            refusal = NoStream("too_many_drd_units", told)
    if refusal is not None:
        exposition().web.refusals.note(limit)
    return refusal


def check_export(rows: int) -> None:
    """Raise Invalid for an export of more rows than one may have."""
    most = context.runtime().settings.max_export_rows
    if rows > most:
        exposition().web.refusals.note("export_rows")
        raise Invalid(
            f"from, until: {rows} rows, and an export has {most} at most; ask for a shorter time or longer periods",
            field="until",
        )


def register(app: Flask) -> None:
    """Give the application its counts; comes before anything that costs."""
    app.extensions["slmm.limits"] = RateLimits()
    app.before_request(_count_request)
