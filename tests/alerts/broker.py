"""A real Mosquitto on a free port, and Mosquitto's own subscriber; CI demands both."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gevent
import pytest

from tests.conftest import eventually
from tests.server import free_port

USER, PASSWORD = "slmm", "right"
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
READY = "test/ready"


def _program(name: str) -> str:
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        if os.environ.get("SLMM_TEST_REQUIRE") == "all":
            pytest.fail(f"{name} is missing and SLMM_TEST_REQUIRE=all")
        pytest.skip(f"{name} is not installed")
    return found


class Broker:
    """What the tests need of it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._login = ["-h", "127.0.0.1", "-p", str(port), "-u", USER, "-P", PASSWORD]

    @contextmanager
    def subscriber(self) -> Iterator[Subscriber]:
        """Hears everything that is published from now on, and what is retained already."""
        command = [_program("mosquitto_sub"), *self._login, "-t", "#", "-q", "1", "-F", "%j"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                subscriber = Subscriber(process)
                subscriber.until(READY)
                yield subscriber
            finally:
                process.kill()

    def publish(self, topic: str, payload: str) -> None:
        """A retained message of somebody else's."""
        command = [_program("mosquitto_pub"), *self._login, "-r", "-q", "1", "-t", topic, "-m", payload]
        subprocess.run(command, check=True, timeout=10)


class Subscriber:
    """Reads what mosquitto_sub prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def until(self, topic: str, within_s: float = 10.0) -> dict[str, dict[str, Any]]:
        """All messages by topic up to the one on *topic*; each has ``payload`` and ``retain``."""
        assert self._process.stdout is not None
        heard: dict[str, dict[str, Any]] = {}
        with gevent.Timeout(within_s, AssertionError(f"nothing came on {topic}")):
            while topic not in heard:
                message = json.loads(self._process.stdout.readline())
                heard[message["topic"]] = message
        return heard


def _accepts(port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


@contextmanager
def running_broker(directory: Path, *, certificate: str | None = None, rights: str | None = None) -> Iterator[Broker]:
    """A broker for one user while the context lasts; *rights* is the text of an access list."""
    program, passwords, port = _program("mosquitto"), directory / "passwords", free_port()
    subprocess.run([_program("mosquitto_passwd"), "-b", "-c", passwords, USER, PASSWORD], check=True, timeout=10)
    lines = [f"user {getpass.getuser()}", "persistence false", f"listener {port} 127.0.0.1"]
    lines += ["allow_anonymous false", f"password_file {passwords}"]
    if certificate:
        lines += [f"certfile {certificate}", f"keyfile {certificate}"]
    if rights:
        (directory / "rights").write_text(rights)
        lines += [f"acl_file {directory / 'rights'}"]
    (directory / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    command = [program, "-c", directory / "mosquitto.conf"]
    with (directory / "mosquitto.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            eventually(lambda: process.poll() is None and _accepts(port), what="the broker's port")
            broker = Broker(port)
            if not certificate:
                broker.publish(READY, "1")
            yield broker
        finally:
            process.kill()
