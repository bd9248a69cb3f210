"""Requests to the whole application in this process: never a 500, always a success or a problem document."""

from __future__ import annotations

import atexit
import json
import random
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from slmm import settings
from slmm.app import create_app
from slmm.limits import templates
from tests.fuzz.document_targets import BACKUPS, CSV, RULES
from tests.fuzz.json_mutation import as_bytes, changed
from tests.fuzz.old_database import TARGET as OLD_DATABASE
from tests.fuzz.requests_made import LEFT_OUT, Requests
from tests.fuzz.target import Target

REST_CPU_LIMIT_S = 10.0
CASES_EACH = 4000
"""Then a fresh service, for what was made makes the next requests slower."""
EXPECTED = {501, 502, 503, 504, 507}
API = "/api/nl43"
PAGES = (
    *(
        "/",
        "/unit/a",
        "/history",
        "/unit/a/history",
        "/unit/a/limits",
        "/alerts",
        "/roster",
        "/shared",
        "/docs",
        "/admin",
    ),
    *(
        "/admin/audit",
        "/admin/logs",
        "/share/x",
        "/acknowledge/x",
        "/words/de/live.json",
        "/static/js/app.js",
        "/metrics",
    ),
)


class Service:
    """One service in standby, which calls no meter, with one unit; begun anew after so many cases."""

    def __init__(self) -> None:
        self._app: Flask | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._cases = 0
        self._lacks_unit = False
        atexit.register(self.stop)

    @property
    def app(self) -> Flask:
        """The application, started when it is first wanted."""
        if self._app is None:
            self._start()
        assert self._app is not None
        return self._app

    def _start(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        given = {"data_dir": Path(self._directory.name, "data"), "port": 0, "auth": "off"}
        self._app = create_app(settings.load({}, None, **given))
        self._app.extensions["slmm"].start()
        self.send({"method": "POST", "path": f"{API}/_system/standby"})

    def stop(self) -> None:
        """End it, and forget what it kept."""
        if self._app is not None:
            self._app.extensions["slmm"].stop()
            self._app = None
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def case(self, data: bytes) -> None:
        """One request as JSON; raises AssertionError for an answer that should not be."""
        request = json.loads(data)
        if self._cases % 50 == 0 or self._lacks_unit:
            unit = {"unit_id": "a", "host": "127.0.0.1", "tcp_port": 9, "poll_enabled": False}
            self.send({"method": "POST", "path": f"{API}/roster", "body": unit})
            self.send({"method": "POST", "path": f"{API}/_system/standby"})
        self._cases += 1
        self._lacks_unit = b"DELETE" in data
        if self._cases % CASES_EACH == 0:
            self.stop()
        path = str(request.get("path", "/")) if isinstance(request, dict) else "/"
        if not isinstance(request, dict) or (request.get("method") != "GET" and LEFT_OUT.search(path)):
            return
        status, headers, body = self.send(request)
        _judge(path, status, headers, body)

    def send(self, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """What the application answers; of a stream its first piece."""
        environ = _environ(request)
        pieces, status, headers = run_wsgi_app(self.app.wsgi_app, environ, buffered=False)
        try:
            is_stream = "event-stream" in headers.get("Content-Type", "")
            body = next(iter(pieces), b"") if is_stream else b"".join(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        return int(status.split()[0]), dict(headers), body


def _environ(request: dict[str, Any]) -> dict[str, Any]:
    """As gunicorn makes it of what came: any byte in the path, any character of Latin-1 in a header."""
    raw = request.get("raw")
    body = raw.encode("latin-1", "replace") if isinstance(raw, str) else b""
    if raw is None and "body" in request:
        body = json.dumps(request["body"]).encode()
    environ = EnvironBuilder(path="/", base_url="http://127.0.0.1:8100", data=body).get_environ()
    environ["CONTENT_TYPE"] = str(request.get("type", "application/json")) if body else ""
    environ["REQUEST_METHOD"] = str(request.get("method", "GET"))[:20]
    path = _bytes(request.get("path", "/")).decode("latin-1")
    environ["PATH_INFO"] = environ["RAW_URI"] = environ["REQUEST_URI"] = path if path.startswith("/") else f"/{path}"
    query = request.get("query", {})
    pairs = query.items() if isinstance(query, dict) else []
    text = query if isinstance(query, str) else urlencode([(_bytes(name), _bytes(value)) for name, value in pairs])
    environ["QUERY_STRING"] = quote(_bytes(text), safe="%=&+;,:/?-_.~!$'()*@[]")
    headers = request.get("headers", {})
    for name, value in headers.items() if isinstance(headers, dict) else ():
        key = "".join(letter for letter in name.upper().replace("-", "_") if letter.isascii() and letter.isprintable())
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        environ[key] = _bytes(value).decode("latin-1").translate({0: None, 10: None, 13: None})
    environ["REMOTE_ADDR"] = "127.0.0.1"
    return environ


def _bytes(value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogateescape" if str(value).isascii() else "surrogatepass")


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def _judge(path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    kind = headers.get("Content-Type", "")
    assert status < 500 or status in EXPECTED, f"{status} from {path}: {body[:400]!r}"
    assert b"Traceback" not in body, f"a traceback from {path}"
    if "json" in kind and body:
        document = json.loads(body, parse_constant=_no_constant)
        if status >= 400 and path.startswith(API):
            assert kind.startswith("application/problem+json"), f"{status} from {path} as {kind}"
            assert document["status"] == status
            assert document["detail"], f"{status} from {path} without a sentence"
    for name, value in headers.items():
        assert "\n" not in name + value
        assert "\r" not in name + value


SERVICE = Service()


def _seeds() -> tuple[bytes, ...]:
    """One of each operation with its files, and of each page."""
    dice = random.Random(1)
    found = _requests(dice).one_of_each()
    zipped = {"method": "PUT", "path": f"{API}/_system/backups/slmm-20261121T120000Z.zip", "type": "application/zip"}
    old = {"method": "POST", "path": f"{API}/_roster/takeover", "query": {"dry_run": "true"}}
    found += [{**zipped, "raw": each.decode("latin-1")} for each in BACKUPS[:3]]
    found.append({**old, "type": "application/octet-stream", "raw": OLD_DATABASE.seeds[0].decode("latin-1")})
    imported = {"method": "POST", "path": f"{API}/_roster/import", "query": {"dry_run": "true"}}
    found.append({**imported, "body": {"text": CSV.decode()}})
    found += [{"method": "POST", "path": f"{API}/a/alerts/rules", "body": rule} for rule in RULES]
    for name in templates.names():
        body = {"limit": templates.document(name)}
        found.append({"method": "POST", "path": f"{API}/a/limits", "body": body})
    found += [{"method": "GET", "path": page, "query": {"from": "2026-11-20", "lang": "de"}} for page in PAGES]
    return tuple(as_bytes(each) for each in found)


def _requests(dice: random.Random) -> Requests:
    _, _, body = SERVICE.send({"method": "GET", "path": "/openapi.json"})
    return Requests(json.loads(body), dice)


class RestMutator:
    """Requests that are sound but for one to three changes; one in ten is not changed at all."""

    def __init__(self, seeds: tuple[bytes, ...], dice: random.Random) -> None:
        self._dice = dice
        self._requests = _requests(dice)
        self._seeds = [json.loads(seed) for seed in seeds]

    def case(self) -> bytes:
        """The next request."""
        request = self._requests.any() if self._dice.random() < 0.6 else self._dice.choice(self._seeds)
        if self._dice.random() < 0.1:
            return as_bytes(request)
        part = "body" if "body" in request else "query"
        if request.get(part) and self._dice.random() < 0.75:
            return as_bytes({**request, part: changed(request[part], self._dice)})
        altered = changed(request, self._dice)
        return as_bytes(altered if isinstance(altered, dict) else request)


def target() -> Target:
    """The interface as a target; its seeds are read from its own description."""
    return Target("rest", "requests to every operation and page", SERVICE.case, _seeds(), cpu_s=REST_CPU_LIMIT_S)
