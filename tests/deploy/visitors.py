"""Who comes through a proxy: ordinary requests, and streams as bytes arrive."""

from __future__ import annotations

import re
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.conftest import eventually
from tests.deploy.proxies import FrontDoor
from tests.server import RunningServer

ACCOUNT = {"name": "ada", "password": "correct horse battery"}
FROM = "127.0.0.2"
"""Another address of this machine than the one the proxy itself comes from."""


class _FromElsewhere(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Connections begin at that address."""
        super().init_poolmanager(*args, source_address=(FROM, 0), **options)


class Visitor:
    """A browser's session of one administrator."""

    def __init__(self, url: str, authority: str | bool = True) -> None:
        self.session = requests.Session()
        self.session.trust_env = False  # REQUESTS_CA_BUNDLE would win over the next line
        self.session.verify = authority
        self.session.headers["Origin"] = url
        self._url = url

    @classmethod
    def first(cls, server: RunningServer) -> Visitor:
        """Makes the account, without a proxy, with the code from the console."""
        code = eventually(lambda: re.search(r"enter the code (\S+)", server.log.read_text()))[1]
        visitor = cls(server.url)
        assert visitor.post("/_setup", {"code": code, **ACCOUNT}).status_code == 200
        return visitor

    @classmethod
    def through(cls, door: FrontDoor) -> Visitor:
        """Logs in at the proxy's address."""
        visitor = cls(door.url, str(door.authority))
        visitor.session.mount("https://", _FromElsewhere())
        answer = visitor.post("/_login", ACCOUNT)
        assert answer.status_code == 200, answer.text
        return visitor

    def get(self, path: str, **options: Any) -> requests.Response:
        """An answer of the REST interface, or of a page where *path* begins with two slashes."""
        place = path[1:] if path.startswith("//") else f"/api/nl43{path}"
        return self.session.get(self._url + place, timeout=20, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        """A change; *body* is sent as it is when it is bytes."""
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        return self.session.post(f"{self._url}/api/nl43{path}", timeout=20, **content, **options)

    @property
    def cookie(self) -> str:
        """The login as a header carries it."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.session.cookies)


class Events:
    """An event stream through TLS, asked for as a browser does."""

    def __init__(self, door: FrontDoor, cookie: str, path: str = "/api/nl43/a/monitor/events") -> None:
        self._sock = door.tls()
        lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{door.port}", f"Cookie: {cookie}"]
        lines += ["Accept: text/event-stream", "Accept-Encoding: gzip, deflate, br", "", ""]
        self._sock.sendall("\r\n".join(lines).encode())
        self._buffer = b""
        self.head = self.until(b"\r\n\r\n").decode()

    def until(self, mark: bytes) -> bytes:
        """Everything up to *mark*; raises EOFError when the stream ends before."""
        while mark not in self._buffer:
            data = self._sock.recv(65_536)
            if not data:
                raise EOFError(self._buffer)
            self._buffer += data
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()
