"""Opening a connection, with each way of failing told as the stage at which it happened."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from slmm.alerts.channels.base import Progress, one_sentence
from slmm.alerts.messages import DeliveryFailed

Check = Callable[[str, list[str]], list[str]]
"""Takes a host and its addresses, returns those that may be used; raises DeliveryFailed for none."""


@contextmanager
def network_failures(receiver: str, progress: Progress) -> Iterator[None]:
    """What sockets and TLS raise, as DeliveryFailed that is worth another attempt."""
    try:
        yield
    except socket.gaierror as error:
        raise DeliveryFailed(f"{receiver} has no address: {error.strerror}", stage="dns") from error
    except ssl.SSLCertVerificationError as error:
        told = one_sentence(error.verify_message)
        raise DeliveryFailed(f"the certificate of {receiver} does not hold: {told}", stage="tls") from error
    except ssl.SSLError as error:
        raise DeliveryFailed(f"TLS with {receiver} failed: {error.reason}", stage="tls") from error
    except TimeoutError as error:
        raise DeliveryFailed(f"{receiver} gave no answer (stage {progress.stage})", stage=progress.stage) from error
    except OSError as error:
        told = one_sentence(error.strerror or str(error))
        raise DeliveryFailed(f"{receiver}: {told} (stage {progress.stage})", stage=progress.stage) from error


@cache
def tls_context() -> ssl.SSLContext:
    """Certificates are checked against this computer's authorities; made once, as reading them holds up the hub."""
    return ssl.create_default_context()


def addresses_of(host: str, port: int) -> list[str]:
    """Where a name leads, in the resolver's order and without repeats; the lookup runs off the hub."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def dial(
    host: str,
    port: int,
    progress: Progress,
    *,
    timeout_s: float,
    tls: bool,
    check: Check | None = None,
) -> socket.socket:
    """A connection to one of the host's addresses, each of which has passed *check*; TLS is held to the name.

    To be called within ``network_failures``.
    """
    progress.stage = "dns"
    addresses = addresses_of(host, port)
    if check is not None:
        addresses = check(host, addresses)
    progress.stage = "connect"
    line = _first_open(addresses, port, timeout_s)
    if not tls:
        return line
    progress.stage = "tls"
    try:
        return tls_context().wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise


def _first_open(addresses: list[str], port: int, timeout_s: float) -> socket.socket:
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), timeout_s)
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), timeout_s)
