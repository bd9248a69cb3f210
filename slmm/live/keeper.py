"""Keeps a viewer on a socket of its own, with nobody waiting there.

The publisher writes, the event loop watches for the peer's end, and a greenlet exists only while the viewer
catches up: a greenlet for each would hold its stack, and with it the request that the stream began with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent

from slmm.live.hub import Hub
from slmm.live.outlet import BareSocket, Outlet
from slmm.live.viewer import Viewer

logger = logging.getLogger(__name__)

_READABLE = 1


class Keeper:
    """Serves *viewer* on *sock* until either side ends, then closes it; bytes *first* go out before all else.

    *ended* is called once, when the viewer has left. Not for connections on which anything is heard: what the
    peer says is thrown away, and when it will say no more, it has gone.
    """

    __slots__ = ("_ended", "_hub", "_is_awake", "_sock", "_viewer", "_watcher")

    def __init__(self, hub: Hub, viewer: Viewer, sock: BareSocket, first: bytes, ended: Callable[[], None]) -> None:
        self._hub, self._viewer, self._sock, self._ended = hub, viewer, sock, ended
        self._is_awake = False
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), _READABLE)
        self._watcher.start(self._hear)
        viewer.attach(Outlet(sock, first), self._wake)
        self._wake()

    def _wake(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            gevent.spawn(self._catch_up).name = "viewer-catching-up"

    def _catch_up(self) -> None:
        try:
            self._hub.catch_up(self._viewer)
        except OSError as error:
            logger.debug("a viewer went away: %s", error)
        finally:
            # No switch of greenlets happens between the end of catching up and this.
            self._is_awake = not self._viewer.is_flowing
            if self._is_awake:
                self._end()

    def _end(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        self._viewer.detach()
        self._sock.close()
        self._hub.leave(self._viewer)
        self._ended()

    def _hear(self) -> None:
        """The peer has closed, or talks although an event stream has nothing to hear; runs in the hub of gevent."""
        try:
            data = self._sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._watcher.stop()  # it would be told again and again
            self._viewer.hang_up()
