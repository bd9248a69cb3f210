"""What every request and response passes: bodies, foreign pages, and the headers that protect a browser."""

from __future__ import annotations

from flask import Flask, Response, request

from slmm.errors import NotAllowed
from slmm.web import context
from slmm.web.openapi import check_body

CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_own(origin: str) -> bool:
    """Whether *origin* is this service; it may be any text, so it is compared and not taken apart."""
    host = origin.partition("://")[2]
    return bool(host) and host == request.host


def is_foreign(origin: str) -> bool:
    """Whether *origin* is a page of another site that is not on the list."""
    return not is_own(origin) and origin not in context.runtime().settings.cors_origins


def _check_origin() -> None:
    """A page of another site must not act in a visitor's name."""
    origin = request.headers.get("Origin")
    is_handshake = request.headers.get("Upgrade", "").lower() == "websocket"
    if origin and (request.method not in _SAFE or is_handshake) and is_foreign(origin):
        raise NotAllowed(f"a page of {origin!r} may not do this here; SLMM_CORS_ORIGINS can allow it")


def _preflight() -> Response | None:
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    return Response(status=204)


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CSP)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    origin = request.headers.get("Origin")
    allowed = context.runtime().settings.cors_origins
    if allowed:
        response.vary.add("Origin")
    if origin and origin in allowed:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
        headers["Access-Control-Allow-Headers"] = "Content-Type, Last-Event-ID, Authorization"
    return response


def register(app: Flask) -> None:
    """Guard the whole application."""
    app.before_request(_preflight)
    app.before_request(_check_origin)
    app.before_request(check_body)
    app.after_request(_add_headers)
