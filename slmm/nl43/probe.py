"""Does anything answer at a TCP port? Asked only where no meter's single slot is taken by it."""

from __future__ import annotations

import errno
import socket
from enum import StrEnum

import gevent


class Probe(StrEnum):
    """What came of trying to connect."""

    OPEN = "open"
    REFUSED = "refused"
    """RST: the host is there, nobody listens."""
    SILENT = "silent"
    NO_ROUTE = "no_route"
    UNRESOLVED = "unresolved"


def probe(host: str, port: int, timeout_s: float = 3.0) -> Probe:
    """Connect and close at once; never raises for anything the network does."""
    try:
        with gevent.Timeout(timeout_s, TimeoutError()):
            socket.create_connection((host, port), timeout=timeout_s).close()
    except TimeoutError:
        return Probe.SILENT
    except socket.gaierror:
        return Probe.UNRESOLVED
    except ConnectionRefusedError:
        return Probe.REFUSED
    except OSError as error:
        return Probe.NO_ROUTE if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH) else Probe.SILENT
    return Probe.OPEN
