"""Every error as problem+json (RFC 9457): one sentence, a stable word, and the right status."""

from __future__ import annotations

import logging
import math
import sqlite3
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, json, make_response, request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import DatabaseError, OperationalError
from werkzeug.exceptions import HTTPException

from slmm import errors
from slmm.storage import recovery

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One mistake in the input."""

    field: str
    message: str
    value: Any = None


class Problem(BaseModel):
    """What went wrong, for a person (detail) and for a program (code)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str
    device_result: str | None = Field(None, description="The meter's own result code, R+0001 to R+0004")
    errors: list[FieldProblem] | None = None


_TABLE: list[tuple[type[errors.SlmmError], HTTPStatus, str]] = [
    (errors.Invalid, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    (errors.NotFound, HTTPStatus.NOT_FOUND, "not_found"),
    (errors.NotIdentified, HTTPStatus.UNAUTHORIZED, "not_identified"),
    (errors.TooMany, HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"),
    (errors.NotAllowed, HTTPStatus.FORBIDDEN, "not_allowed"),
    (errors.Conflict, HTTPStatus.CONFLICT, "conflict"),
    (errors.NotInstalled, HTTPStatus.NOT_IMPLEMENTED, "not_installed"),
    (errors.Standby, HTTPStatus.SERVICE_UNAVAILABLE, "standby"),
    (errors.DiskFull, HTTPStatus.INSUFFICIENT_STORAGE, "disk_full"),
    (errors.DiskTrouble, HTTPStatus.INTERNAL_SERVER_ERROR, "disk_trouble"),
    (errors.DeviceDisabled, HTTPStatus.FORBIDDEN, "device_disabled"),
    (errors.DeviceBusy, HTTPStatus.SERVICE_UNAVAILABLE, "device_busy"),
    (errors.DeviceTimeout, HTTPStatus.GATEWAY_TIMEOUT, "device_timeout"),
    (errors.DeviceUnreachable, HTTPStatus.BAD_GATEWAY, "device_unreachable"),
    (errors.ConnectionLost, HTTPStatus.BAD_GATEWAY, "connection_lost"),
    (errors.NotConfirmed, HTTPStatus.BAD_GATEWAY, "not_confirmed"),
    (errors.Garbled, HTTPStatus.BAD_GATEWAY, "garbled_reply"),
    (errors.StatusError, HTTPStatus.CONFLICT, "wrong_state"),
    (errors.NotSupported, HTTPStatus.CONFLICT, "not_supported"),
    (errors.Refused, HTTPStatus.BAD_GATEWAY, "device_refused"),
]
"""The first row that fits decides."""


def problem(status: HTTPStatus | int, code: str, detail: str, **members: Any) -> Response:
    """A problem response; members that are None are left out."""
    status = HTTPStatus(status)
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
        "instance": quote(request.path),
        **{name: value for name, value in members.items() if value is not None},
    }
    return Response(json.dumps(body), status=status.value, content_type=CONTENT_TYPE)


def _slmm_problem(error: errors.SlmmError) -> Response:
    row = next(((status, code) for kind, status, code in _TABLE if isinstance(error, kind)), None)
    if row is None:
        return _unexpected(error)
    status, code = row
    refusal = error.code if isinstance(error, errors.Refused) else None
    field = (
        [{"field": error.field, "message": str(error)}] if isinstance(error, errors.Invalid) and error.field else None
    )
    response = problem(status, code, str(error), device_result=refusal, errors=field)
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="slmm"'
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        pause_s = error.retry_after_s if isinstance(error, (errors.DeviceBusy, errors.TooMany)) else 30.0
        response.headers["Retry-After"] = str(max(1, round(pause_s)))
    return response


def _http_sentence(error: HTTPException, allow: str) -> str:
    match error.code:
        case 404:
            return f"there is nothing at {quote(request.path)}"
        case 405:
            return f"{request.method} is not possible here; allowed are {allow}"
        case 413:
            return f"the body is too large: at most {request.max_content_length} bytes"
    return error.description or HTTPStatus(error.code or 500).phrase


def _http_problem(error: HTTPException) -> Response:
    response = make_response(error.get_response())
    if response.status_code < 400:  # a redirect is no error
        return response
    status = HTTPStatus(response.status_code)
    described = problem(status, status.name.lower(), _http_sentence(error, response.headers.get("Allow", "")))
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in response.headers:
            described.headers[name] = response.headers[name]
    return described


def _rule() -> str:
    """The path as it is declared: what stands in its place may be a secret, such as a signed link."""
    return str(request.url_rule or request.path)


def _database_problem(error: DatabaseError) -> Response:
    """Locked, full, damaged or gone: a transaction that failed has changed nothing."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if not isinstance(error, OperationalError) and not recovery.is_damage(error.orig):
        return _unexpected(error)
    logger.error("%s %s: the database does not take it: %s", request.method, _rule(), error.orig)
    if code == sqlite3.SQLITE_FULL:
        detail = "the disk is full, and nothing was changed; free some of it and try again"
        return problem(HTTPStatus.INSUFFICIENT_STORAGE, "disk_full", detail)
    detail = f"the database does not take it at present ({error.orig}); nothing was changed, try again"
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", detail)
    response.headers["Retry-After"] = "10"
    return response


def _broken_body(error: ParseException) -> Response:
    """A body in chunks that are none: gunicorn tells it only while the view reads."""
    return problem(HTTPStatus.BAD_REQUEST, "bad_request", f"the body cannot be read: {str(error)[:LONGEST_ECHO]}")


def _unexpected(error: Exception) -> Response:
    logger.exception("%s %s failed", request.method, _rule())
    return problem(500, "internal", "SLMM failed to answer this request; its log tells why.")


def validation_problem(error: ValidationError) -> Response:
    """Input that does not fit its model: every field, what is wrong with it, and what was sent."""
    found = [_field_problem(item) for item in error.errors(include_url=False)]
    detail = "; ".join(f"{item['field']} {item['message']}" for item in found)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, errors=found)


SECRET_FIELDS = frozenset({"ftp_password", "password", "old_password", "new_password", "code"})
LONGEST_ECHO = 80

_PLAIN_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a member of this request",
    "model_type": "an object is needed",
}


def _field_problem(item: Any) -> dict[str, Any]:
    field = ".".join(str(part) for part in item["loc"]) or "body"
    value = item.get("input")
    if word := _PLAIN_WORDS.get(item["type"]):  # the value of an unknown member may be a misspelt secret
        return {"field": field, "message": word}
    allowed = item["msg"].replace("Value error, ", "it should be ").replace("Input should", "it should")
    if field in SECRET_FIELDS or not isinstance(value, (str, int, float, bool)):
        return {"field": field, "message": f"is not allowed: {allowed}"}
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)  # JSON has no such number
    if isinstance(value, str) and len(value) > LONGEST_ECHO:
        value = value[:LONGEST_ECHO] + "…"
    return {"field": field, "message": f"{value!r} is not allowed: {allowed}", "value": value}


def register(app: Flask) -> None:
    """Answer every error of the application in this form."""
    app.register_error_handler(errors.SlmmError, _slmm_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(DatabaseError, _database_problem)
    app.register_error_handler(ParseException, _broken_body)
    app.register_error_handler(Exception, _unexpected)
