"""A mail server that keeps what it receives: a process of its own, which prints its port and then each mail as JSON.

python -m tests.alerts.smtp_sink --refuse nobody@example.org
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TOP = Path(__file__).resolve().parent.parent.parent


class RunningSink:
    """The process, from the test's side."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port

    def next_mail(self, within_s: float = 10.0) -> dict[str, Any]:
        """The next mail it took: its envelope, ``content`` and how it came."""
        assert self._process.stdout is not None
        with gevent.Timeout(within_s, AssertionError("no mail came")):
            mail: dict[str, Any] = json.loads(self._process.stdout.readline())
        return mail

    def rest(self) -> list[dict[str, Any]]:
        """End it; all mails that were not asked for."""
        assert self._process.stdout is not None
        self._process.terminate()
        with gevent.Timeout(10, AssertionError("the sink does not end")):
            return [json.loads(line) for line in self._process.stdout]


@contextmanager
def running_sink(*options: str) -> Iterator[RunningSink]:
    """A sink on a free port while the context lasts."""
    command = [sys.executable, "-m", "tests.alerts.smtp_sink", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TOP) as process:
        assert process.stdout is not None
        try:
            with gevent.Timeout(20, AssertionError("the sink did not come up")):
                port = json.loads(process.stdout.readline())["port"]
            yield RunningSink(process, port)
        finally:
            process.kill()


class Sink:
    """Decides and prints; aiosmtpd calls it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._count = 0

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        envelope.mail_from = address
        return self._options.answer_mail or "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self._options.refuse:
            return "550 5.1.1 no such mailbox"
        if address in self._options.defer:
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._options.hang == "data":
            await asyncio.sleep(600)
        if self._options.answer_data:
            return str(self._options.answer_data)
        self._count += 1
        mail = {
            "mail_from": envelope.mail_from,
            "rcpt_tos": envelope.rcpt_tos,
            "content": bytes(envelope.content or b"").decode("ascii"),
            "hostname": session.host_name,
            "is_tls": server.transport.get_extra_info("ssl_object") is not None,
            "login": session.auth_data.login.decode() if session.authenticated else None,
        }
        _tell(mail)
        return f"250 2.0.0 queued as {self._count}"


def _tell(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate", help="PEM with key and chain: STARTTLS is offered")
    parser.add_argument("--tls", action="store_true", help="TLS from the first byte")
    parser.add_argument("--login", help="user:password that is demanded")
    parser.add_argument("--auth-answer", help="what every login is answered, such as 454")
    parser.add_argument("--refuse", action="append", default=[], help="address answered 550")
    parser.add_argument("--defer", action="append", default=[], help="address answered 451")
    parser.add_argument("--answer-mail")
    parser.add_argument("--answer-data")
    parser.add_argument("--hang", choices=["connect", "data"])
    return parser.parse_args()


async def _silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(600)


async def _serve(options: argparse.Namespace) -> None:
    context = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate)

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        if options.auth_answer:
            return AuthResult(success=False, handled=False, message=options.auth_answer)
        assert isinstance(given, LoginPassword)
        is_right = f"{given.login.decode()}:{given.password.decode()}" == options.login
        return AuthResult(success=is_right, handled=False, auth_data=given)

    sink = Sink(options)

    def session() -> SMTP:
        return SMTP(
            sink,
            hostname="sink.example.org",
            tls_context=None if options.tls else context,
            authenticator=authenticate if options.login else None,
            auth_required=bool(options.login),
            auth_require_tls=not options.login,  # without a login to ask for, AUTH is not offered
        )

    loop = asyncio.get_running_loop()
    if options.hang == "connect":
        server = await asyncio.start_server(_silence, "127.0.0.1", 0)
    else:
        server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if options.tls else None)
    _tell({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
