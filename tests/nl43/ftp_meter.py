"""An FTP server like the meter's, with faults on demand, as a process of its own: ``running_ftp_meter``.

Made with pyftpdlib and from what is known of the meter (NL-43 protocol notes, section 7): active mode only,
502 for what it does not have, LIST in Unix style. Every command it hears is written to a file.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import struct
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

with warnings.catch_warnings():  # asyncore is deprecated; on newer Pythons pyftpdlib brings its own
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler
    from pyftpdlib.handlers.ftp.dispatchers import ActiveDTP
    from pyftpdlib.handlers.ftp.producers import BufferedIteratorProducer
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

TOP = Path(__file__).resolve().parent.parent.parent
NOT_IMPLEMENTED = ("PASV", "EPSV", "MLSD", "MLST", "NLST", "FEAT", "OPTS", "MDTM", "STOR", "DELE", "SITE")


@dataclass(frozen=True)
class Faults:
    """What is wrong with the server; by default nothing that is not wrong with the meter."""

    host: str = "127.0.0.1"
    greeting: str = "220 Connection Ready"
    greeting_delay_s: float = 0.0
    has_rest: bool = True
    has_size: bool = False
    break_after_bytes: int | None = None
    """In a file; the listing is left alone."""
    break_how: str = "cut"
    """cut (426), short (226 all the same), reset, control (both connections), stall, stall at end."""
    break_times: int = 1_000_000
    way_back: str = "open"
    """open, 425 (to the transfer), never (150, but no connection), silent (not even 150)."""
    listings: dict[str, str] = field(default_factory=dict)
    """Raw answers to LIST, by path, in Latin-1."""
    listed_sizes: dict[str, int] = field(default_factory=dict)
    grows_by: dict[str, int] = field(default_factory=dict)
    """Bytes that a file gains whenever it is fetched, by path."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Replies to commands, by their first word."""


class MeterData(DTPHandler):  # type: ignore[misc] # pyftpdlib has no types
    """A data connection that breaks where it is told."""

    @property
    def _left(self) -> int | None:
        after = self.cmd_channel.faults.break_after_bytes
        is_to_break = self.file_obj is not None and after is not None and self.cmd_channel.server.breaks_left > 0
        return after - self.tot_bytes_sent if is_to_break else None

    def send(self, data: bytes) -> int:
        sent: int = super().send(data if self._left is None else data[: self._left])
        if self._left == 0:
            self.cmd_channel.server.breaks_left -= 1
            self._break(self.cmd_channel.faults.break_how)
        return sent

    def _break(self, how: str) -> None:
        if how == "stall":
            self.del_channel()
        elif how == "control":
            self.cmd_channel.close()
        else:
            if how == "reset":
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._resp = ("226 Transfer complete." if how == "short" else "426 Transfer aborted.", self.log)
            self.close()


class MeterDial(ActiveDTP):  # type: ignore[misc] # pyftpdlib has no types
    """Connects back without a word: 200 has been said long before."""

    def handle_connect(self) -> None:
        self.del_channel()
        self._idler.cancel()
        self.cmd_channel.data_channel = MeterData(self.socket, self.cmd_channel)
        self.cmd_channel._on_dtp_connection()

    def handle_write(self) -> None:
        """Nothing: the connection belongs to MeterData now, and asynchat would tell the loop otherwise."""


class MeterControl(FTPHandler):  # type: ignore[misc] # pyftpdlib has no types
    """A control connection of the meter."""

    faults = Faults()
    log_file: Any = None
    dtp_handler = MeterData
    active_dtp = MeterDial
    use_sendfile = False
    permit_privileged_ports = True
    auth_failed_timeout = 0

    def handle(self) -> None:
        self.ioloop.call_later(self.faults.greeting_delay_s, self._greet)

    def _greet(self) -> None:
        if not self._closed:
            self.respond(self.faults.greeting)

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        self.log_file.write(line + "\n")
        self.log_file.flush()
        if cmd in self.faults.refusals:
            self.respond(self.faults.refusals[cmd].replace("{line}", line))
        elif (
            cmd in NOT_IMPLEMENTED
            or (cmd == "REST" and not self.faults.has_rest)
            or (cmd == "SIZE" and not self.faults.has_size)
        ):
            self.respond("502 Not Implemented")
        else:
            super().pre_process_command(line, cmd, arg)

    def ftp_PASS(self, line: str) -> None:
        if (self.username, line) == ("USER", "0000"):
            super().ftp_PASS(line)
        else:
            self.respond("530 Login Fail")

    def ftp_PORT(self, line: str) -> None:
        """Like most servers, connect when there is something to send."""
        self._dial = lambda: FTPHandler.ftp_PORT(self, line)
        self.respond("200 PORT command successful.")

    def ftp_EPRT(self, line: str) -> None:
        """The same for IPv6."""
        self._dial = lambda: FTPHandler.ftp_EPRT(self, line)
        self.respond("200 EPRT command successful.")

    def push_dtp_data(self, *args: Any, **kwargs: Any) -> None:
        match self.faults.way_back:
            case "425":
                self.respond("425 Can't open data connection.")
            case "never":
                self.respond("150 About to open data connection.")
            case "open":
                super().push_dtp_data(*args, **kwargs)
                self._dial()

    def ftp_LIST(self, path: str) -> str | None:
        shown = self.fs.fs2ftp(path)
        if shown in self.faults.listings:
            lines = iter([self.faults.listings[shown].encode("latin-1")])
        elif os.path.isdir(path):
            lines = self._lines(path)
        else:
            self.respond("550 No such folder.")
            return None
        self.push_dtp_data(BufferedIteratorProducer(lines), isproducer=True, cmd="LIST")
        return path

    def _lines(self, path: str) -> Iterator[bytes]:
        yield b"drwxrwxrwx   1 owner    group           0 Dec 23 19:40 .\r\n"
        yield b"drwxrwxrwx   1 owner    group           0 Dec 23 19:40 ..\r\n"
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            status = entry.stat()
            size = self.faults.listed_sizes.get(self.fs.fs2ftp(entry.path), status.st_size)
            date = time.strftime("%b %d %H:%M", time.gmtime(status.st_mtime))
            kind = "d" if entry.is_dir() else "-"
            yield f"{kind}rwxrwxrwx   1 owner    group    {size:8d} {date} {entry.name}\r\n".encode()

    def ftp_RETR(self, file: str) -> str | None:
        if grown := self.faults.grows_by.get(self.fs.fs2ftp(file)):
            with open(file, "ab") as growing:
                growing.write(os.urandom(grown))
        shown: str | None = super().ftp_RETR(file)
        return shown


def main() -> None:
    """Serve the folder of the first argument, write commands to the second, with the faults of the third."""
    root, log, faults = sys.argv[1:4]
    logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
    MeterControl.faults = Faults(**json.loads(faults))
    MeterControl.log_file = open(log, "a", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    MeterControl.authorizer = DummyAuthorizer()
    MeterControl.authorizer.add_user("USER", "0000", root, perm="elr")
    server = FTPServer((MeterControl.faults.host, 0), MeterControl, ioloop=IOLoop())
    server.breaks_left = MeterControl.faults.break_times
    sys.stdout.write(f"{server.address[1]}\n")
    sys.stdout.flush()
    server.serve_forever(handle_exit=False)


@dataclass(frozen=True)
class RunningFtpMeter:
    """A running server: where it listens, what it shows, what it heard."""

    host: str
    port: int
    root: Path
    _log: Path

    @property
    def commands(self) -> list[str]:
        """Every command so far, as it came."""
        return self._log.read_text(encoding="utf-8").splitlines()

    def count(self, word: str) -> int:
        """How often a command was heard."""
        return sum(line.split(" ")[0] == word for line in self.commands)


@contextmanager
def running_ftp_meter(directory: Path, **faults: Any) -> Iterator[RunningFtpMeter]:
    """Serve *directory*/card while the context lasts."""
    root, log = directory / "card", directory / "commands.log"
    root.mkdir(exist_ok=True)
    log.touch()
    wished = Faults(**faults)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.nl43.ftp_meter", str(root), str(log), json.dumps(asdict(wished))],
        stdout=subprocess.PIPE,
        text=True,
        cwd=TOP,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield RunningFtpMeter(wished.host, port, root, log)
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    main()
