"""The proxies of deploy/, as shipped but for names, ports and certificates, before a real service."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
import trustme

from tests.conftest import eventually
from tests.server import TOP, free_port

NGINX, CADDY = TOP / "deploy/nginx/slmm.conf", TOP / "deploy/caddy/Caddyfile"
NAME = "localhost"


def program(name: str) -> str:
    """Where Debian's *name* is; without it the test is skipped, or fails where everything is required."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/bin")
    if found is None:
        if os.environ.get("SLMM_TEST_REQUIRE") == "all":
            pytest.fail(f"{name} is missing and SLMM_TEST_REQUIRE=all")
        pytest.skip(f"needs Debian's {name}")
    return found


class FrontDoor:
    """A proxy with TLS: its port, and how to trust it."""

    def __init__(self, kind: str, port: int, authority: Path) -> None:
        self.kind = kind
        self.port = port
        self.authority = authority
        self.url = f"https://{NAME}:{port}"

    def tls(self, *protocols: str) -> ssl.SSLSocket:
        """A connection as a browser opens it."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.set_alpn_protocols(list(protocols or ("http/1.1",)))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return context.wrap_socket(plain, server_hostname=NAME)


def replaced(text: str, **changes: str) -> str:
    """*text* with every key that it must hold replaced; a renamed line fails here and not silently."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def _running(command: list[str], directory: Path, port: int, **environment: str) -> Iterator[None]:
    log = directory / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output, env=os.environ | environment)
    try:

        def listens() -> bool:
            assert process.poll() is None, log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(listens, 20, "the proxy listens")
        yield
    finally:
        process.terminate()
        with gevent.Timeout(10):
            process.wait()


@contextmanager
def nginx(directory: Path, upstream: int) -> Iterator[FrontDoor]:
    """nginx with the shipped file inside a configuration like Debian's."""
    binary, port = program("nginx"), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "authority.pem")
    certificate = authority.issue_cert(NAME)
    certificate.cert_chain_pems[0].write_to_path(directory / "chain.pem")
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    changes = {
        "127.0.0.1:8100": f"127.0.0.1:{upstream}",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "slmm.example.org;": f"{NAME};",
        "/etc/ssl/slmm/fullchain.pem": str(directory / "chain.pem"),
        "/etc/ssl/slmm/privkey.pem": str(directory / "key.pem"),
        "/var/log/nginx/slmm.log": str(directory / "access.log"),
    }
    (directory / "slmm.conf").write_text(replaced(NGINX.read_text(), **changes))
    temporary = "".join(
        f"{kind}_temp_path {directory};" for kind in ("proxy", "client_body", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"daemon off; pid {directory}/nginx.pid; error_log stderr;\nevents {{}}\n"
        f"http {{ include /etc/nginx/mime.types;\n{temporary}\ninclude {directory}/slmm.conf; }}\n"
    )
    with _running([binary, "-e", "stderr", "-c", str(directory / "nginx.conf")], directory, port):
        yield FrontDoor("nginx", port, directory / "authority.pem")


@contextmanager
def caddy(directory: Path, upstream: int) -> Iterator[FrontDoor]:
    """Caddy with the shipped file; it makes the certificate of localhost itself."""
    binary, port = program("caddy"), free_port()
    options = f"{{\nadmin off\nskip_install_trust\nhttp_port {free_port()}\nhttps_port {port}\n}}\nimport {CADDY}\n"
    (directory / "Caddyfile").write_text(options)
    surroundings = {
        "SLMM_SITE": NAME,
        "SLMM_UPSTREAM": f"127.0.0.1:{upstream}",
        "XDG_DATA_HOME": str(directory),
        "XDG_CONFIG_HOME": str(directory),
        "HOME": str(directory),
    }
    authority = directory / "caddy/pki/authorities/local/root.crt"
    command = [binary, "run", "--adapter", "caddyfile", "--config", "Caddyfile"]
    with _running(command, directory, port, **surroundings):
        eventually(authority.is_file, 20, "Caddy makes its authority")
        eventually((directory / "caddy/certificates/local/localhost/localhost.crt").is_file, 20, "and a certificate")
        yield FrontDoor("caddy", port, authority)


KINDS = {"nginx": nginx, "caddy": caddy}
