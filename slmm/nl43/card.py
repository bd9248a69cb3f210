"""The meter's SD card: list, walk, find and download, by FTP with one login an operation.

Beyond CWD, LIST and RETR nothing is known of the meter's FTP server, so nothing else is needed: the size in
the list checks a download, and REST is tried to resume one. Every method blocks the greenlet that calls it;
a card belongs to one greenlet at a time. Whatever would block the thread goes through ``in_pool``.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

import gevent

from slmm.errors import (
    ConnectionLost,
    DeviceBusy,
    DeviceTimeout,
    DeviceUnreachable,
    Garbled,
    Invalid,
    NotFound,
    Refused,
)
from slmm.nl43.ftp import CardAccess, CardTimes, Session
from slmm.nl43.listing import Found, Listing, Tree, Unusable, check_path, decode_listing, path_below

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LISTING_LIMIT_BYTES = 8 * 1024 * 1024
GROWTH_LIMIT_BYTES = 256 * 1024 * 1024
"""A file that is being recorded grows by less than this while it is fetched."""
RECEIVE_BYTES = 65_536
WRITE_BYTES = 262_144
WRITE_EVERY_S = 0.5


class InPool(Protocol):
    """Runs something slow in a thread, as ``Database.in_pool`` does."""

    def __call__(self, slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The caller's greenlet waits for the result, the others go on."""


class Sink(Protocol):
    """Takes the bytes of one file; called in the pool, one call after the other."""

    def start_at(self, offset_bytes: int) -> None:
        """Keep what is before the offset, forget what is behind; bytes follow from there."""

    def write(self, data: bytes) -> None:
        """The next bytes."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """How a download went."""

    size_bytes: int
    is_growing: bool
    """It was longer than listed, and the card says that it has grown: it is being recorded."""
    was_restarted: bool
    """What was there before could not be continued: all of it was fetched anew."""
    attempts: int


class Card:
    """The card of one meter."""

    def __init__(
        self,
        access: CardAccess,
        in_pool: InPool,
        now_on_meter: Callable[[], datetime],
        *,
        times: CardTimes | None = None,
        limit_bytes_s: float | None = None,
    ) -> None:
        """*now_on_meter* is the meter's own clock (naive): its lists have no year. The limit spares a modem."""
        self.access = access
        self.times = times or CardTimes()
        self.limit_bytes_s = limit_bytes_s
        self.in_pool = in_pool
        self._now_on_meter = now_on_meter
        self._session: Session | None = None
        self._is_kept = False

    @contextmanager
    def one_session(self) -> Iterator[None]:
        """Log in once for all that is done meanwhile; a session that breaks is opened anew."""
        self._is_kept = True
        try:
            yield
        finally:
            self._is_kept = False
            session, self._session = self._session, None
            self._let_go(session, is_sound=True)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A login; only one in which every answer was complete is used again, or ended politely."""
        session, self._session = self._session, None
        is_sound = False
        try:
            if session is None or not session.is_open:
                session = Session(self.access, self.times)
                session.open()
            try:
                yield session
                is_sound = True
            except (NotFound, Refused):
                is_sound = True
                raise
        finally:
            self._let_go(session, is_sound)

    def _let_go(self, session: Session | None, is_sound: bool) -> None:
        if session is None:
            return
        if not is_sound:
            session.drop()
        elif self._is_kept:
            self._session = session
        else:
            session.close()

    def list(self, path: str) -> Listing:
        """What a folder holds; raises NotFound."""
        path = check_path(path)
        with self.session() as session:
            return self.list_in(session, path)

    def find(self, path: str) -> Found:
        """One file or folder, as its folder lists it; raises NotFound."""
        path = check_path(path)
        with self.session() as session:
            return self.find_in(session, path)

    def walk(self, path: str, max_depth: int = 8, max_entries: int = 20_000) -> Tree:
        """Everything below a folder, the nearest first; a folder that vanishes meanwhile is told as unusable."""
        path = check_path(path)
        files: deque[Found] = deque()
        folders: deque[Found] = deque()
        unusable: deque[Unusable] = deque()
        is_cut = False
        pending = deque([(path, 1)])
        with self.session() as session:
            while pending:
                folder, depth = pending.popleft()
                try:
                    listing = self.list_in(session, folder)
                except NotFound as error:
                    if folder == path:
                        raise
                    unusable.append(Unusable(folder, str(error)))
                    continue
                unusable += listing.unusable
                for entry in listing.entries:
                    if len(files) + len(folders) + len(unusable) >= max_entries:
                        return Tree(tuple(files), tuple(folders), tuple(unusable), is_cut=True)
                    found = Found(path_below(folder, entry.name), entry)
                    (folders if entry.is_folder else files).append(found)
                    if entry.is_folder and depth < max_depth:
                        pending.append((found.path, depth + 1))
                    is_cut |= entry.is_folder and depth >= max_depth
        return Tree(tuple(files), tuple(folders), tuple(unusable), is_cut)

    def download(
        self,
        path: str,
        size_bytes: int,
        sink: Sink,
        progress: Callable[[int], None] | None = None,
        resume_from: int = 0,
    ) -> Transfer:
        """Fetch a file of a known size from *resume_from* on; *progress* is told the bytes that are there.

        Broken transfers go on from where they stopped, as often as there are pauses in the times. Raises
        NotFound, Refused, or the DeviceError of the last attempt; what came before stays in the sink.
        """
        return _Download(self, check_path(path), size_bytes, sink, progress, resume_from).run()

    def list_in(self, session: Session, path: str) -> Listing:
        """Change into the folder and list that: a path with spaces is no safe argument of LIST."""
        session.command(f"CWD {path}")
        session.set_type("A")
        data = bytearray()
        with (
            session.transfer("LIST") as (connection, _),
            session.asking(f"the list of {path}", self.times.list_timeout_s),
        ):
            while received := connection.recv(RECEIVE_BYTES):
                data += received
                if len(data) > LISTING_LIMIT_BYTES:
                    raise Garbled(f"the list of {path} is longer than {LISTING_LIMIT_BYTES} bytes")
        session.finish("LIST")
        return self.in_pool(decode_listing, bytes(data), self._now_on_meter())

    def find_in(self, session: Session, path: str) -> Found:
        """What the folder of *path* tells of it."""
        folder, _, name = path.rpartition("/")
        if not name:
            raise Invalid("the top of the card is in no folder; name a file or folder below it", "remote_path")
        for entry in self.list_in(session, folder or "/").entries:
            if entry.name == name:
                return Found(path, entry)
        raise NotFound(f"there is no {path} on the card of {session.peer}")


class _Download:
    """One file on its way, over as many attempts as it takes."""

    def __init__(
        self,
        card: Card,
        path: str,
        size_bytes: int,
        sink: Sink,
        progress: Callable[[int], None] | None,
        resume_from: int,
    ) -> None:
        self._card = card
        self._path = path
        self._size_bytes = size_bytes
        self._sink = sink
        self._progress = progress
        self._done_bytes = resume_from
        self._has_met = False
        """The meter could open a data connection to us."""
        self._was_restarted = False
        self._attempts = 0

    def run(self) -> Transfer:
        pauses = iter(self._card.times.retry_pauses_s)
        while True:
            self._attempts += 1
            try:
                return self._attempt()
            except (ConnectionLost, DeviceTimeout, DeviceBusy, DeviceUnreachable, Garbled) as error:
                pause_s = next(pauses, None)
                if pause_s is None or (isinstance(error, DeviceUnreachable) and not self._has_met):
                    raise  # a firewall does not open by itself
                logger.debug("%s; again in %g s from byte %d", error, pause_s, self._done_bytes)
                gevent.sleep(pause_s)

    def _attempt(self) -> Transfer:
        if not 0 <= self._done_bytes < self._size_bytes:
            self._was_restarted |= self._done_bytes != 0
            self._done_bytes = 0
        with self._card.session() as session:
            session.set_type("I")
            is_under_way = False
            try:
                with session.transfer(f"RETR {self._path}", self._done_bytes) as (connection, offset_bytes):
                    self._has_met = is_under_way = True
                    self._was_restarted |= offset_bytes < self._done_bytes
                    self._done_bytes = offset_bytes
                    self._card.in_pool(self._sink.start_at, offset_bytes)
                    for piece in self._pieces(connection, session.peer):
                        self._take(piece)
                session.finish(f"RETR {self._path}")
            except (ConnectionLost, DeviceTimeout) as error:
                if not is_under_way or self._done_bytes != self._size_bytes:
                    raise
                logger.debug("all of %s is there, so this does not matter: %s", self._path, error)
                session.drop()
            return self._checked(session)

    def _pieces(self, connection: socket.socket, peer: str) -> Iterator[bytes]:
        """What comes, in pieces worth a write; what came before a break is given out before the error."""
        pace = _Pace(self._card.limit_bytes_s)
        is_open = True
        while is_open:
            piece = bytearray()
            broken: OSError | None = None
            due_s = time.monotonic() + WRITE_EVERY_S
            try:
                while len(piece) < WRITE_BYTES and time.monotonic() < due_s:
                    received = connection.recv(pace.most_bytes)
                    is_open = len(received) > 0
                    if not is_open:
                        break
                    piece += received
                    pace.wait(len(received))
            except OSError as error:
                broken = error
            if piece:
                yield bytes(piece)
            if isinstance(broken, TimeoutError):
                stall_s = self._card.times.stall_s
                text = f"{peer} sent nothing of {self._path} for {stall_s:g} s, after {self._done_bytes} bytes"
                raise DeviceTimeout(text) from broken
            if broken is not None:
                text = f"the data connection of {peer} broke in {self._path} after {self._done_bytes} bytes"
                raise ConnectionLost(f"{text}: {broken.strerror or broken}") from broken

    def _take(self, piece: bytes) -> None:
        self._card.in_pool(self._sink.write, piece)
        self._done_bytes += len(piece)
        if self._progress is not None:
            self._progress(self._done_bytes)
        if self._done_bytes > self._size_bytes + GROWTH_LIMIT_BYTES:
            raise self._of_another_size()

    def _checked(self, session: Session) -> Transfer:
        is_growing = self._done_bytes > self._size_bytes
        if self._done_bytes < self._size_bytes:
            text = f"{session.peer} ended {self._path} after {self._done_bytes} of {self._size_bytes} bytes"
            raise ConnectionLost(text)
        if is_growing and self._card.find_in(session, self._path).entry.size_bytes <= self._size_bytes:
            raise self._of_another_size()
        return Transfer(self._done_bytes, is_growing, self._was_restarted, self._attempts)

    def _of_another_size(self) -> Garbled:
        """More than listed, and not because it grows: the next attempt begins at the beginning."""
        sent_bytes, self._done_bytes = self._done_bytes, 0
        self._was_restarted = True
        return Garbled(f"{self._path} was listed with {self._size_bytes} bytes, but {sent_bytes} came")


class _Pace:
    """Holds the average of a transfer below a limit; None for no limit."""

    def __init__(self, limit_bytes_s: float | None) -> None:
        self._limit_bytes_s = limit_bytes_s
        self._began_s = time.monotonic()
        self._bytes = 0
        # A tenth of a second's worth at a time, so that the link is not busy in bursts.
        self.most_bytes = (
            RECEIVE_BYTES if limit_bytes_s is None else max(512, min(RECEIVE_BYTES, int(limit_bytes_s / 10)))
        )

    def wait(self, received_bytes: int) -> None:
        """Sleep until so much may have come."""
        if self._limit_bytes_s is not None:
            self._bytes += received_bytes
            early_s = self._began_s + self._bytes / self._limit_bytes_s - time.monotonic()
            if early_s > 0:
                gevent.sleep(early_s)
