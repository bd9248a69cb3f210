"""A message to send, an authority to trust, and a receiver to send to."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import pytest
import trustme

from slmm.alerts.channels import dial
from slmm.alerts.channels.base import Channel
from slmm.alerts.messages import DeliveryFailed, Message, MessageKind
from tests.alerts.http_receiver import Receiver, running_receiver

AT = datetime(2026, 3, 1, 22, 15, 30, tzinfo=UTC)


def a_message(**given: Any) -> Message:
    """An onset, with whatever the test wants otherwise."""
    members: dict[str, Any] = {
        "uid": "msg-1",
        "kind": MessageKind.ONSET,
        "recipient": "",
        "subject": "NL-43 Süd: LAeq above 70 dB",
        "text": "LAeq 74.2 dB since 23:15 – limit 70 dB.\n",
        "payload": {"unit_id": "nl43-1", "is_active": True, "level_db": 74.2},
        "thread": "incident-1",
        "created_at": AT,
    }
    return Message(**{**members, **given})


def failure_of(channel: Channel, message: Message, **options: Any) -> DeliveryFailed:
    """How sending fails, as it must."""
    with pytest.raises(DeliveryFailed) as caught:
        channel.send(message, **options)
    return caught.value


@contextmanager
def ticking(longest_s: float = 0.3) -> Iterator[None]:
    """Within this context another greenlet must get its turn all the time."""
    gaps: list[float] = []

    def tick() -> None:
        last = time.perf_counter()
        while True:
            gevent.sleep(0.01)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()

    ticker = gevent.spawn(tick)
    gevent.idle()
    try:
        yield
    finally:
        ticker.kill()
    assert len(gaps) > 5
    assert max(gaps) < longest_s


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """A certificate authority that this computer trusts, and no other."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    dial.tls_context.cache_clear()
    yield authority
    dial.tls_context.cache_clear()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Callable[[str], str]:
    """Makes a PEM file with key and chain for a name."""

    def make(name: str) -> str:
        path = tmp_path / f"{name}.pem"
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)

    return make
