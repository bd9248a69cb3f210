"""Opening connections: several addresses, and deadlines within deadlines."""

from contextlib import suppress

import gevent
import pytest

from slmm.alerts.channels.addresses import usable
from slmm.alerts.channels.base import Progress, deadline, one_sentence
from slmm.alerts.channels.dial import _first_open, network_failures
from slmm.alerts.messages import DeliveryFailed
from tests.alerts.http_receiver import Receiver


def test_the_next_address_is_tried_when_one_is_closed(receiver: Receiver) -> None:
    with _first_open(["127.0.0.2", "127.0.0.1"], receiver.port, 5) as line:
        assert line.getpeername()[0] == "127.0.0.1"


def test_the_last_address_says_why_there_is_no_connection(receiver: Receiver) -> None:
    with pytest.raises(ConnectionRefusedError):
        _first_open(["127.0.0.3", "127.0.0.2"], receiver.port, 5)


def test_a_host_of_mixed_addresses_is_reached_at_the_allowed_ones() -> None:
    assert usable("host", ["127.0.0.1", "192.0.43.7", "fe80::1"], allow_private=False) == ["192.0.43.7"]
    assert usable("host", ["::1", "fe80::1%eth0"], allow_private=True) == ["::1"]


@pytest.mark.parametrize("address", ["192.0.2.1", "198.18.0.1", "240.0.0.1", "2001:db8::1"])
def test_addresses_of_no_use_are_refused(address: str) -> None:
    with pytest.raises(DeliveryFailed, match="host must not be reached"):
        usable("host", [address], allow_private=True)


def test_a_deadline_of_the_caller_is_not_taken_for_our_own() -> None:
    with pytest.raises(gevent.Timeout) as caught, gevent.Timeout(0.05) as outer, deadline(5, Progress()):
        gevent.sleep(5)
    assert caught.value is outer


def test_a_deadline_ends_with_its_context() -> None:
    with suppress(ValueError), deadline(0.05, Progress()):
        raise ValueError
    gevent.sleep(0.1)


def test_a_silent_line_is_told_with_its_stage() -> None:
    with (
        pytest.raises(DeliveryFailed, match="host gave no answer") as caught,
        network_failures("host", Progress("data")),
    ):
        raise TimeoutError
    assert caught.value.stage == "data"


def test_what_a_receiver_says_becomes_one_bounded_line_without_secrets() -> None:
    assert one_sentence(b"a\r\n\tb \xff t0ken", ["t0ken", "", None]) == "a b � …"
    assert len(one_sentence("x" * 1000)) == 200
