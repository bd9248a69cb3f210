"""Which responses are taken out of the server's hands."""

import ssl
from typing import Any

from slmm.web.takeover import SOCKET_KEY, STREAM_KEY, StreamTakeover


def test_a_stream_over_tls_stays_with_the_server_that_encrypts_it() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ[STREAM_KEY] = "granted"
        return [b"by the server"]

    environ = {SOCKET_KEY: ssl.SSLSocket.__new__(ssl.SSLSocket)}
    assert list(StreamTakeover(app)(environ, lambda *_: None)) == [b"by the server"]
