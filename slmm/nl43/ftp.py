"""One FTP login on a meter: control connection, data connections, and what their errors mean.

The meter answers PASV and EPSV with 502 (log of 24 Dec 2025), so for every list and every file it has to
connect back to us. ftplib speaks on the control connection; it knows no deadline for a whole reply and takes
a data connection from anybody, so both are done here.
"""

from __future__ import annotations

import errno
import ftplib
import ipaddress
import logging
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import gevent

from slmm.errors import (
    ConnectionLost,
    DeviceBusy,
    DeviceError,
    DeviceTimeout,
    DeviceUnreachable,
    Garbled,
    Invalid,
    NotFound,
    Refused,
)
from slmm.nl43.connection import KeepAlive

logger = logging.getLogger(__name__)

NO_WAY_BACK = "the meter could not connect back to this computer (active FTP): is there NAT or a firewall between?"
QUIT_WITHIN_S = 2.0
REPLY_LIMIT_LINES = 100
"""Some servers greet with a page; none has a book to tell."""


@dataclass(frozen=True, slots=True)
class CardAccess:
    """Where a card is and how to get at it; the defaults are those of the factory."""

    host: str
    port: int = 21
    user: str = "USER"
    password: str = field(default="0000", repr=False)
    data_ports: tuple[int, int] | None = None
    """First and last port on which the meter may connect back to us; None lets the system choose."""
    data_address: str | None = None
    """Our address as the meter sees it, where NAT hides the true one."""
    accepts_any_sender: bool = False
    """Take a data connection from another address than the meter's: only for NAT that changes it."""

    def __post_init__(self) -> None:
        """Raises Invalid, naming the field."""
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in self.user + self.password):
            raise Invalid("the FTP user and password must not hold control characters", "ftp_password")
        if self.data_ports is not None and not 0 < self.data_ports[0] <= self.data_ports[1] < 65_536:
            raise Invalid(f"{self.data_ports} is no range of FTP data ports, such as (50000, 50019)", "data_ports")
        try:
            ipaddress.ip_address(self.data_address or "0.0.0.0")
        except ValueError:
            raise Invalid(f"{self.data_address!r} is no IP address, as FTP has to announce", "data_address") from None


@dataclass(frozen=True, slots=True)
class CardTimes:
    """Deadlines in seconds; a download is tried once more after each of the pauses."""

    connect_timeout_s: float = 10.0
    reply_timeout_s: float = 15.0
    list_timeout_s: float = 60.0
    stall_s: float = 15.0
    retry_pauses_s: tuple[float, ...] = (2.0, 5.0, 10.0)
    keepalive: KeepAlive = field(default_factory=KeepAlive)


def _wire(text: str) -> str:
    """ftplib is run with Latin-1, which leaves every byte as it is; names on the wire are UTF-8."""
    return text.encode().decode("latin-1")


class _Control(ftplib.FTP):
    """ftplib bounds a line of a reply, but not how many lines a reply may have."""

    def getmultiline(self) -> str:
        """One reply; raises ftplib.Error for one that does not end."""
        lines = [self.getline()]
        code, goes_on = lines[0][:3], lines[0][3:4] == "-"
        while goes_on:
            if len(lines) >= REPLY_LIMIT_LINES:
                raise ftplib.Error(f"{code} and more than {REPLY_LIMIT_LINES} lines")
            lines.append(self.getline())
            goes_on = lines[-1][:3] != code or lines[-1][3:4] == "-"
        return "\n".join(lines)


class Session:
    """One login; after any error but a clean refusal it is of no more use."""

    def __init__(self, access: CardAccess, times: CardTimes) -> None:
        self._access = access
        self._times = times
        self.peer = f"{access.host}:{access.port}"
        self._ftp = _Control(timeout=times.reply_timeout_s, encoding="latin-1")
        self._type = ""
        self._local_host = self._remote_host = ""

    # -- what is asked, and what its errors mean ------------------------------------------------------

    @contextmanager
    def asking(self, what: str, within_s: float | None = None) -> Iterator[None]:
        """The one place where errors of FTP and of sockets become those of slmm.errors."""
        limit_s = within_s or self._times.reply_timeout_s
        too_late = TimeoutError()
        try:
            with gevent.Timeout(limit_s, too_late):
                yield
        except TimeoutError as error:
            waited = f"within {limit_s:g} s" if error is too_late else "in time"
            raise DeviceTimeout(f"{self.peer} did not answer {what} {waited}") from error
        except EOFError as error:
            raise ConnectionLost(f"{self.peer} closed the FTP connection during {what}") from error
        except OSError as error:
            text = error.strerror or error
            raise ConnectionLost(f"the FTP connection to {self.peer} broke during {what}: {text}") from error
        except ftplib.Error as error:
            reply = self._fit_to_show(str(error))
            cause = error if reply == str(error) else None
            if isinstance(error, ftplib.error_temp | ftplib.error_perm):
                raise self._refusal(what, reply) from cause
            raise Garbled(f"{self.peer} answered {what} by {reply!r}", reply) from cause

    def _fit_to_show(self, reply: str) -> str:
        """One line, without the password: servers repeat what they do not understand."""
        shown, secret = (
            "".join(letter for letter in text if letter.isprintable()) for text in (reply, _wire(self._access.password))
        )
        code = shown[:3] if shown[:3].isdigit() else ""
        return (code + shown[len(code) :].replace(secret or "\n", "***"))[:123]

    def _refusal(self, what: str, reply: str) -> DeviceError | NotFound:
        code = reply[:3]
        said = f"{self.peer} refused {what}: {reply}"
        match code:
            case "425":
                return DeviceUnreachable(NO_WAY_BACK)
            case "426":
                return ConnectionLost(f"{self.peer} broke off {what}")
            case "530":
                return Refused(f"the meter refused the FTP login of user {self._access.user!r}", code=code)
            case "550":
                return NotFound(said)
            case _ if code.startswith("4"):
                return DeviceBusy(said)
        return Refused(said, command=what, code=code)

    def command(self, text: str) -> None:
        """Send a command that takes no data connection."""
        with self.asking(repr(text)):
            self._ftp.voidcmd(_wire(text))

    def set_type(self, letter: str) -> None:
        """A for lists, I for files, as ftplib did when 0.4.0 used it on real meters."""
        if self._type != letter:
            self.command(f"TYPE {letter}")
            self._type = letter

    # -- the control connection -----------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._ftp.sock is not None

    def open(self) -> None:
        """Connect, hear the greeting, log in."""
        limit_s = self._times.connect_timeout_s
        try:
            # create_connection tries every address for timeout_s each; the Timeout bounds the whole.
            with gevent.Timeout(limit_s, TimeoutError(f"no answer within {limit_s:g} s")):
                sock = socket.create_connection((self._access.host, self._access.port), limit_s)
        except ConnectionRefusedError as error:
            raise DeviceUnreachable(f"{self.peer} refused the FTP connection", refused=True) from error
        except OSError as error:
            raise DeviceUnreachable(f"{self.peer} cannot be reached by FTP: {error.strerror or error}") from error
        self._ftp.sock, self._ftp.af = sock, sock.family
        with self.asking("the connection by its FTP greeting"):
            self._prepare(sock)
            self._ftp.getresp()
        with self.asking(f"the FTP login of user {self._access.user!r}"):
            self._ftp.login(_wire(self._access.user), _wire(self._access.password))

    def _prepare(self, sock: socket.socket) -> None:
        sock.settimeout(self._times.reply_timeout_s)
        # A long download leaves this connection silent, and cellular NAT forgets silent ones.
        keepalive = self._times.keepalive
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", keepalive.idle_s),
            ("TCP_KEEPINTVL", keepalive.interval_s),
            ("TCP_KEEPCNT", keepalive.count),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._local_host, self._remote_host = sock.getsockname()[0], sock.getpeername()[0]
        self._ftp.file = sock.makefile("r", encoding="latin-1")

    def close(self) -> None:
        """Say goodbye, for the meter may have room for a single session; never raises."""
        if self.is_open:
            with suppress(DeviceError, NotFound), self.asking("QUIT", QUIT_WITHIN_S):
                self._ftp.sendcmd("QUIT")
            self.drop()

    def drop(self) -> None:
        """Let go of the connection as it is."""
        self._ftp.close()

    # -- the data connection --------------------------------------------------------------------------

    @contextmanager
    def transfer(self, command: str, offset_bytes: int = 0) -> Iterator[tuple[socket.socket, int]]:
        """The open data connection, and the offset from which it brings bytes: 0 if REST is unknown here."""
        with self._listener() as listener:
            with self._suspecting_the_way_back(listener):
                self._announce(listener)
            offset_bytes = self._restart_at(offset_bytes)
            with self._suspecting_the_way_back(listener), self.asking(repr(command)):
                self._begin(_wire(command))
            connection = self._next_caller(listener, self._times.reply_timeout_s)
        if connection is None:
            raise DeviceUnreachable(NO_WAY_BACK)
        with connection:
            yield connection, offset_bytes

    def finish(self, command: str) -> None:
        """The meter's word that all has been sent."""
        with self.asking(f"the end of {command!r}"):
            self._ftp.voidresp()

    @contextmanager
    def _suspecting_the_way_back(self, listener: socket.socket) -> Iterator[None]:
        """A meter that falls silent where it has to connect, and does not, probably is still trying to."""
        try:
            yield
        except DeviceTimeout as error:
            caller = self._next_caller(listener, 0.001)
            if caller is None:
                raise DeviceUnreachable(f"{NO_WAY_BACK} ({error})") from error
            caller.close()
            raise

    def _listener(self) -> socket.socket:
        first, last = self._access.data_ports or (0, 0)
        # In any order: a meter cannot connect to the port of a moment ago while that is in TIME_WAIT.
        for port in random.sample(range(first, last + 1), last + 1 - first):
            listener = socket.socket(self._ftp.af, socket.SOCK_STREAM)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((self._local_host, port))
                listener.listen(2)
            except OSError as error:
                listener.close()
                if error.errno != errno.EADDRINUSE:
                    text = f"no data port can be opened on {self._local_host}: {error.strerror}"
                    raise DeviceUnreachable(text) from error
            else:
                return listener
        raise DeviceBusy(f"the FTP data ports {first} to {last} of this computer are all in use")

    def _announce(self, listener: socket.socket) -> None:
        host = self._access.data_address or self._local_host.partition("%")[0]
        port = listener.getsockname()[1]
        send = self._ftp.sendeprt if self._ftp.af == socket.AF_INET6 else self._ftp.sendport
        try:
            with self.asking(f"the data address {host}:{port}"):
                send(host, port)
        except (Refused, NotFound) as error:
            raise DeviceUnreachable(f"{NO_WAY_BACK} ({error})") from error

    def _restart_at(self, offset_bytes: int) -> int:
        if offset_bytes == 0:
            return 0
        try:
            with self.asking("'REST'"):
                if not (reply := self._ftp.sendcmd(f"REST {offset_bytes}")).startswith("3"):
                    raise ftplib.error_reply(reply)
        except (Refused, NotFound) as error:
            logger.info("%s cannot resume, so all is fetched again: %s", self.peer, error)
            return 0
        return offset_bytes

    def _begin(self, command: str) -> None:
        reply = self._ftp.sendcmd(command)
        if reply.startswith("2"):  # some servers say 200 first; ftplib knows them
            reply = self._ftp.getresp()
        if not reply.startswith("1"):
            raise ftplib.error_reply(reply)

    def _next_caller(self, listener: socket.socket, within_s: float) -> socket.socket | None:
        deadline_s = time.monotonic() + within_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            listener.settimeout(left_s)
            try:
                connection, address = listener.accept()
            except TimeoutError:
                return None
            except OSError as error:
                raise ConnectionLost(f"the data connection of {self.peer} failed: {error}") from error
            if self._access.accepts_any_sender or address[0] == self._remote_host:
                connection.settimeout(self._times.stall_s)
                return connection
            logger.warning("a data connection for %s came from %s: not taken", self.peer, address[0])
            connection.close()
        return None
