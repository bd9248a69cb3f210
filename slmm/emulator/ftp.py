"""The meters' FTP servers, made with pyftpdlib, as a process of their own: ``python -m slmm.emulator.ftp``.

Made from what is known of the meter (communication log of Dec 2025): active mode only, 502 for what it does not
have, LIST in Unix style with nine columns. Orders come as JSON lines on standard input, answers and news go out as
JSON lines on standard output.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import struct
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

with warnings.catch_warnings():  # asyncore is deprecated; on newer Pythons pyftpdlib brings its own
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler
    from pyftpdlib.handlers.ftp.dispatchers import ActiveDTP
    from pyftpdlib.handlers.ftp.producers import BufferedIteratorProducer
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

NOT_IMPLEMENTED = ("PASV", "EPSV", "MLSD", "MLST", "NLST", "FEAT", "OPTS", "MDTM", "STOR", "DELE", "SITE")
OLD_S = 180 * 86_400.0
"""Files older than this are listed with their year instead of their time."""
ORDERS_EVERY_S = 0.02
SLICE_S = 0.05
"""How much of a slow transfer is sent at once."""
WAYS_TO_BREAK = ("cut", "short", "reset", "control", "stall")
WAYS_BACK = ("open", "425", "never", "silent")
NASTY_NAMES = (
    "../../x",
    "..\\x",
    "/etc/passwd",
    "C:\\x.rnd",
    "a\x07b\x1b[31mc",
    "CON",
    "NUL.rnd",
    "x" * 300,
    "twin",
    "twin",
)
"""What a broken or hostile card may have in its folders."""
FOR_EVER = 1_000_000


@dataclass(frozen=True)
class Faults:
    """What is wrong with a server; by default nothing that is not wrong with the meter."""

    greeting: str = "220 Connection Ready"
    greeting_delay_s: float = 0.0
    has_rest: bool = True
    has_size: bool = False
    break_after_bytes: int | None = None
    """In a file; the listing is left alone."""
    break_how: str = "cut"
    """cut (426), short (226 all the same), reset, control (both connections), stall."""
    break_times: int = FOR_EVER
    """How many files break."""
    bytes_a_second: float = 0.0
    """A slow transfer; 0 for no limit."""
    way_back: str = "open"
    """open, 425 (to the transfer), never (150, but no connection), silent (not even 150)."""
    way_back_times: int = FOR_EVER
    """How many lists or files that way; then open again."""
    nasty_names: bool = False
    """Whether each folder lists some names that no client should trust."""
    listings: dict[str, str] = field(default_factory=dict)
    """Raw answers to LIST, by path, in Latin-1."""
    listed_sizes: dict[str, int] = field(default_factory=dict)
    grows_by: dict[str, int] = field(default_factory=dict)
    """Bytes that a file gains whenever it is fetched, by path."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Replies to commands, by their first word."""

    def __post_init__(self) -> None:
        if self.break_how not in WAYS_TO_BREAK:
            raise ValueError(f"break_how {self.break_how!r} is none of {', '.join(WAYS_TO_BREAK)}")
        if self.way_back not in WAYS_BACK:
            raise ValueError(f"way_back {self.way_back!r} is none of {', '.join(WAYS_BACK)}")


class MeterData(DTPHandler):  # type: ignore[misc] # pyftpdlib has no types
    """A data connection that is slow or breaks when it is told to, and tells when a file is on its way."""

    def __init__(self, sock: Any, cmd_channel: Any) -> None:
        super().__init__(sock, cmd_channel)
        self._is_told = False

    def _most_bytes(self, wanted: int) -> int:
        """How much of a file may be sent now."""
        meter = self.cmd_channel.meter
        faults = meter.faults
        if faults.bytes_a_second:  # pyftpdlib's own limit sends for a second, then is silent for one
            wanted = min(wanted, max(512, int(faults.bytes_a_second * SLICE_S)))
        if faults.break_after_bytes is not None and meter.breaks_left > 0:
            wanted = min(wanted, faults.break_after_bytes - self.tot_bytes_sent)
        return wanted

    def send(self, data: bytes) -> int:
        """As many bytes as the faults leave."""
        if self.file_obj is None:
            return int(super().send(data))
        meter = self.cmd_channel.meter
        if not self._is_told:
            self._is_told = True
            meter.transfers(+1)
        sent: int = super().send(data[: self._most_bytes(len(data))])
        if meter.faults.break_after_bytes == self.tot_bytes_sent and meter.breaks_left > 0:
            meter.breaks_left -= 1
            self._break(meter.faults.break_how)
        elif meter.faults.bytes_a_second and not self._closed:
            self.del_channel()
            self.ioloop.call_later(sent / meter.faults.bytes_a_second, self._go_on)
        return sent

    def _go_on(self) -> None:
        if not self._closed:
            self.add_channel(events=self.ioloop.WRITE)

    def close(self) -> None:
        """The transfer is over, one way or the other."""
        if self._is_told:
            self._is_told = False
            self.cmd_channel.meter.transfers(-1)
        super().close()

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
        """The client's port is reached."""
        self.del_channel()
        self._idler.cancel()
        self.cmd_channel.data_channel = MeterData(self.socket, self.cmd_channel)
        self.cmd_channel._on_dtp_connection()

    def handle_write(self) -> None:
        """Nothing: the connection belongs to MeterData now, and asynchat would tell the loop otherwise."""


class MeterControl(FTPHandler):  # type: ignore[misc] # pyftpdlib has no types
    """A control connection of one meter; each meter has a class of its own."""

    meter: Meter
    dtp_handler = DTPHandler
    active_dtp = MeterDial
    use_sendfile = False
    permit_privileged_ports = True
    auth_failed_timeout = 0

    def handle(self) -> None:
        """A client is here."""
        self.meter.clients.add(self)
        self.ioloop.call_later(self.meter.faults.greeting_delay_s, self._greet)

    def close(self) -> None:
        """A client is gone."""
        self.meter.clients.discard(self)
        super().close()

    def _greet(self) -> None:
        if not self._closed:
            self.respond(self.meter.faults.greeting)

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        """Note the command, and refuse what the meter does not have."""
        faults = self.meter.faults
        self.meter.note(line)
        if cmd in faults.refusals:
            self.respond(faults.refusals[cmd].replace("{line}", line))
        elif (
            cmd in NOT_IMPLEMENTED or (cmd == "REST" and not faults.has_rest) or (cmd == "SIZE" and not faults.has_size)
        ):
            self.respond("502 Not Implemented")
        elif not self.authenticated and cmd not in ("USER", "PASS", "QUIT"):
            self.respond("530 Not logged in")
        else:
            super().pre_process_command(line, cmd, arg)

    def ftp_PASS(self, line: str) -> None:
        """The factory's user and password."""
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
        """Call back and send, as far as the fault lets it."""
        match self.meter.way_back():
            case "425":
                self.respond("425 Can't open data connection.")
            case "never":
                self.respond("150 About to open data connection.")
            case "open":
                super().push_dtp_data(*args, **kwargs)
                self._dial()  # type: ignore[no-untyped-call]

    def ftp_LIST(self, path: str) -> str | None:
        """The folder in the meter's form."""
        shown = self.fs.fs2ftp(path)
        if shown in self.meter.faults.listings:
            lines = iter([self.meter.faults.listings[shown].encode("latin-1")])
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
        clock_s = time.time() + self.meter.clock_ahead_s
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            status = entry.stat()
            size = 0 if entry.is_dir() else status.st_size
            size = self.meter.faults.listed_sizes.get(self.fs.fs2ftp(entry.path), size)
            is_old = abs(clock_s - status.st_mtime) > OLD_S
            date = time.strftime("%b %d  %Y" if is_old else "%b %d %H:%M", time.gmtime(status.st_mtime))
            kind = "d" if entry.is_dir() else "-"
            yield f"{kind}rwxrwxrwx   1 owner    group    {size:8d} {date} {entry.name}\r\n".encode()
        for name in NASTY_NAMES if self.meter.faults.nasty_names else ():
            yield f"-rwxrwxrwx   1 owner    group         666 Dec 23 19:40 {name}\r\n".encode()

    def ftp_RETR(self, file: str) -> str | None:
        """The file, which may grow while it is fetched."""
        if grown := self.meter.faults.grows_by.get(self.fs.fs2ftp(file)):
            with open(file, "ab") as growing:
                growing.write(os.urandom(grown))
        shown: str | None = super().ftp_RETR(file)
        return shown


class Meter:
    """One meter's FTP server: its port, its folder, and what is wrong with it."""

    def __init__(self, number: int, host: str, root: str, loop: Any) -> None:
        self.number = number
        self.faults = Faults()
        self.breaks_left = self.faults.break_times
        self.ways_left = self.faults.way_back_times
        self.clock_ahead_s = 0.0
        """The meter's clock, read as UTC, less ours."""
        self.clients: set[Any] = set()
        self._host = host
        self._loop = loop
        self._server: Any = None
        self._under_way = 0
        authorizer = DummyAuthorizer()
        authorizer.add_user("USER", "0000", root, perm="elr")
        self._handler = type(f"Control{number}", (MeterControl,), {"meter": self, "authorizer": authorizer})
        # Bound, not listening: the port is ours and refuses.
        self._socket = self._bound(0)
        self.port: int = self._socket.getsockname()[1]

    def _bound(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((self._host, port))
        return bound

    def open(self) -> None:
        """FTP is on."""
        if self._server is None:
            self._server = FTPServer(self._socket, self._handler, ioloop=self._loop)

    def close(self) -> None:
        """FTP is off: the port refuses, and who was there is thrown out."""
        if self._server is not None:
            self._server.close()
            self._server = None
            for client in list(self.clients):
                client.close()
            self._socket = self._bound(self.port)

    def set_faults(self, wanted: dict[str, Any]) -> None:
        """What is wrong from now on; raises TypeError or ValueError for what there is not."""
        self.faults = Faults(**wanted)
        self.breaks_left = self.faults.break_times
        self.ways_left = self.faults.way_back_times

    def way_back(self) -> str:
        """How the next data connection is made."""
        if self.faults.way_back == "open" or self.ways_left <= 0:
            return "open"
        self.ways_left -= 1
        return self.faults.way_back

    def transfers(self, change: int) -> None:
        """A file is on its way, or no longer."""
        self._under_way += change
        tell({"meter": self.number, "transfers": self._under_way})

    def note(self, line: str) -> None:
        """Tell what was heard."""
        tell({"meter": self.number, "heard": line})


def tell(news: dict[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def obey(meters: list[Meter], order: dict[str, Any]) -> None:
    """Do what one line of standard input says."""
    meter = meters[order["meter"]]
    match order["do"]:
        case "open":
            meter.open()
        case "close":
            meter.close()
        case "faults":
            meter.set_faults(order["faults"])
        case "nothing":  # its answer comes after all news of before
            pass
        case "clock":
            meter.clock_ahead_s = order["ahead_s"]
        case other:
            raise ValueError(f"no order {other!r}")


def main() -> None:
    """Serve the folders of the arguments after the host, a meter each, until standard input ends."""
    host, *roots = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the emulator, which then closes our input
    logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
    loop = IOLoop()
    meters = [Meter(number, host, root, loop) for number, root in enumerate(roots)]
    tell({"ports": [meter.port for meter in meters]})
    pending = b""
    while True:
        loop.loop(timeout=ORDERS_EVERY_S, blocking=False)
        if not select.select([sys.stdin], [], [], 0)[0]:
            continue
        data = os.read(sys.stdin.fileno(), 65_536)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            order, wrong = json.loads(line), ""
            try:
                obey(meters, order)
            except (TypeError, ValueError) as error:
                wrong = str(error)
            tell({"done": order["id"], "wrong": wrong})


if __name__ == "__main__":
    main()
