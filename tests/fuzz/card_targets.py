"""What a meter's FTP server and SD card say: replies, lists, stored rows and headers."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from slmm.errors import DeviceError, Invalid, NotFound
from slmm.nl43 import ftp
from slmm.nl43.card import Card
from slmm.nl43.listing import check_path, decode_listing, parse_file_name, parse_folder_name, path_below, to_utc
from slmm.nl43.stored import StoredInterval, StoredKind, file_kind, read_stored
from slmm.nl43.stored_header import parse_header
from slmm.record.card.ledger import first_of, seconds
from slmm.record.card.placing import cut_off_s
from tests.fuzz.target import Target
from tests.nl43.test_stored import LEQ_FILE, LP_HEADER, at, block, leq_line, lp_line, text
from tests.nl43.test_stored_header import HEADER

NOW = datetime(2026, 11, 21, 12, 0)  # noqa: DTZ001 - the meter has no zone
ZONES = (ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/Los_Angeles"))
KINDS = (None, *StoredKind)
LISTING = (
    b"total 4\r\n"
    b"drwxrwxrwx   1 USER     GROUP           0 Dec 23 19:41 Auto_0019\r\n"
    b"-rw-rw-rw-   1 USER     GROUP       12345 Dec 24  2025 NL_0001_SLM_Lp _0019_0001.rnd\r\n"
    b"-rw-rw-rw-   1 USER     GROUP       54321 Feb 29 09:00 NL_0001_SLM_Leq_0019_0001.rnd\r\n"
    b"-rw-rw-rw-   1 USER     GROUP          99 Jan  1  1980 NL_0001_0019.rnh\r\n"
)
LIST_WORDS = (
    *(b"..", b"/", b"\\", b"\x00", b"\xe2\x80\xae", b"Feb 29 00:00", b"Jan  1  0000", b"Dec 31  9999", b"lrwxrwxrwx"),
    *(b"\r\n", b"\n", b" -> /etc/passwd", b"999999999999999999", b"Auto_0001", b".rnd", b"total 1", b"24:60"),
)


def listing(data: bytes) -> None:
    """A list, with every name made a path and every time an instant."""
    found = decode_listing(data, NOW)
    for entry in found.entries:
        checked = check_path(path_below("/NL-43", entry.name))
        assert checked.startswith("/NL-43/")
        assert ".." not in checked
        parse_file_name(entry.name)
        parse_folder_name(entry.name)
        file_kind(checked)
        if entry.modified is not None:
            for zone in ZONES:
                to_utc(entry.modified, zone, 3600.0)
    for unusable in found.unusable:
        assert unusable.text.isprintable()


def paths(data: bytes) -> None:
    """A path that somebody asks for."""
    checked = check_path(data.decode("utf-8", "surrogateescape"))
    assert check_path(checked) == checked


class _Scripted(socket.socket):
    """The meter's end of a control connection: says what it was given, whatever it hears."""

    def __init__(self, said: bytes) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._said = said

    def makefile(self, *_: Any, **__: Any) -> Any:
        return io.TextIOWrapper(io.BytesIO(self._said), encoding="latin-1")

    def getsockname(self) -> Any:
        return ("127.0.0.1", 40_000)

    def getpeername(self) -> Any:
        return ("127.0.0.1", 21)

    def sendall(self, *_: Any) -> None:
        pass


class _Data:
    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def recv(self, size: int) -> bytes:
        return self._file.read(size)

    def __enter__(self) -> _Data:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class _Sink:
    def start_at(self, offset_bytes: int) -> None:
        assert offset_bytes in (0, 3)

    def write(self, data: bytes) -> None:
        assert data


def replies(data: bytes) -> None:
    """A list and a download from an FTP server that says the first part, and sends what follows the first NUL."""
    said, _, sent = data.partition(b"\0")
    times = ftp.CardTimes(connect_timeout_s=1.0, reply_timeout_s=1.0, retry_pauses_s=())
    for ask in (_list, _download):
        card = Card(
            ftp.CardAccess("127.0.0.1", password="secret77"), lambda slow, *args: slow(*args), lambda: NOW, times=times
        )
        with (
            mock.patch.object(ftp.socket, "create_connection", lambda *_: _Scripted(said)),
            mock.patch.object(ftp.Session, "_listener", lambda *_: _Scripted(b"")),
            mock.patch.object(ftp.Session, "_next_caller", lambda *_: _Data(sent)),
        ):
            try:
                ask(card)
            except (DeviceError, NotFound) as error:
                assert str(error).isprintable()
                assert "secret77" not in str(error)


def _list(card: Card) -> None:
    card.list("/NL-43/Auto_0019")


def _download(card: Card) -> None:
    card.download("/NL-43/a.rnd", 10, _Sink(), resume_from=3)


def stored(data: bytes) -> None:
    """A stored file of any kind in pieces of any size; its rows with the arithmetic that the record does first."""
    kind, size, content = KINDS[(data[:1] or b"\0")[0] % 4], (data[1:2] or b"\0")[0] + 1, data[2:]
    whole = read_stored([content], kind)
    cut = read_stored([content[at : at + size] for at in range(0, len(content), size)], kind)
    assert whole == cut
    read_stored([content], kind, 0.1)
    for trouble in whole.troubles:
        assert str(trouble).isprintable()
    _use(whole.rows)


def _use(rows: tuple[StoredInterval, ...]) -> None:
    cut_off_s([row.starts for row in rows])
    if rows:
        first_of(rows)
    for row in rows:
        seconds(row.starts)
        assert row.starts + timedelta(seconds=row.duration_s)
        for zone in ZONES:
            row.starts.replace(tzinfo=zone).astimezone(UTC)


def header(data: bytes) -> None:
    """The settings beside a measurement."""
    found = parse_header([data])
    assert found == parse_header(data[at : at + 7] for at in range(0, len(data), 7))
    for trouble in found.troubles:
        assert str(trouble).isprintable()
    for moment in (found.starts, found.stops):
        if moment is not None:
            seconds(moment)


LP_FILE = text("CSV", LP_HEADER, *(lp_line(number, at(19, 41, number)) for number in range(1, 8)))
BLOCKS = text("CSV", *block(868), *block(869))
MAN_FILE = text("CSV", *LEQ_FILE.decode().split("\r\n")[1:2], leq_line(1), leq_line(2))
STORED_WORDS = (
    *(b"CSV\r\n", b"Address,", b"Start Time,", b"Measurement Time,", b"Leq(Main)", b"Lp(Sub1)", b"Main", b"Sub", b"( "),
    *(b"0001/01/01 00:00:00", b"9999/12/31 23:59:59", b"2025/12/23 24:00:00", b"99d 99:99:99.9", b"00d 00:00:00.0"),
    *(b"\r\n", b"\n", b",", b"  -.-", b" 99.9", b"Over", b"\xef\xbb\xbf", b"\x82\xa0", b"\xb0\xa1", "²".encode(), b" "),
)
GREETING = b"220 ready\r\n331 password\r\n230 in\r\n"
REPLIES = (
    GREETING + b"250 cwd\r\n200 type\r\n200 port\r\n150 here\r\n226 done\r\n221 bye\r\n\0" + LISTING,
    GREETING + b"200 type\r\n200 port\r\n350 rest\r\n150 here\r\n226 done\r\n221 bye\r\n\0" + b"x" * 7,
    GREETING + b"200 type\r\n200 port\r\n502 no\r\n200 well\r\n150 here\r\n226 done\r\n\0" + b"x" * 10,
    b"220-hello\r\n there\r\n220 ready\r\n530 no secret77\r\n",
    b"421 busy\r\n",
)
REPLY_WORDS = (
    *(
        b"220 ",
        b"220-",
        b"331 ",
        b"230 ",
        b"425 no\r\n",
        b"426 \r\n",
        b"550 none\r\n",
        b"530 \r\n",
        b"\r\n",
        b"\n",
        b"\r",
    ),
    *(b"\0", b"999 \r\n", b"PASS secret77", b"secret77", b"-", b"\xff", b"\x1b[2J"),
)
PURE = ("slmm.nl43",)


def _stored_seeds(*files: bytes) -> tuple[bytes, ...]:
    return tuple(bytes([kind, 100]) + file for kind in range(len(KINDS)) for file in files)


_TABLE: tuple[tuple[str, str, Callable[[bytes], None], tuple[bytes, ...], tuple[bytes, ...]], ...] = (
    ("listing", "FTP lists, their names as paths, their times as instants", listing, (LISTING,), LIST_WORDS),
    ("replies", "FTP control replies during a list and a download", replies, REPLIES, REPLY_WORDS),
    (
        "stored",
        "stored files: rows of all kinds, and blocks",
        stored,
        _stored_seeds(LEQ_FILE, LP_FILE, BLOCKS, MAN_FILE),
        STORED_WORDS,
    ),
    ("header", "headers of stored measurements", header, (HEADER,), (b"[", b"]", b",", b"\r\n", *STORED_WORDS)),
)

TARGETS = (
    *(Target(*row, imports=PURE) for row in _TABLE),
    Target(
        *("paths", "paths on a card", paths, (b"/NL-43/Auto_0019/NL_0001_SLM_Lp _0019_0001.rnd", b"/")),
        *(LIST_WORDS, (Invalid,), PURE),
    ),
)
