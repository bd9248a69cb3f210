"""Signs of life, given to a real receiver."""

from collections.abc import Iterator

import pytest

from slmm.alerts.heartbeat import ping
from slmm.alerts.messages import DeliveryFailed
from tests.alerts.http_receiver import Receiver, Reply, running_receiver
from tests.server import free_port

SECRET = "5f0c1e2a-4f9b-4a6e-8d1b-2f3a4b5c6d7e"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def failure_of(url: str, timeout_s: float = 5.0) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        ping(url, timeout_s)
    assert SECRET not in str(caught.value)
    return caught.value


def test_a_sign_arrives(receiver: Receiver) -> None:
    receiver.script = [Reply("200 OK", body=b"OK")]
    ping(f"http://127.0.0.1:{receiver.port}/{SECRET}")
    assert [(request.method, request.path) for request in receiver.requests] == [("GET", f"/{SECRET}")]


def test_a_refusal_is_told_without_the_path_even_if_the_watcher_repeats_it(receiver: Receiver) -> None:
    receiver.script = [Reply("404 Not Found", body=f"no check {SECRET}".encode())]
    failed = failure_of(f"http://127.0.0.1:{receiver.port}/ping/{SECRET}")
    assert (failed.stage, failed.code) == ("answer", 404)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.script = [Reply("302 Found", {"Location": "/elsewhere"})]
    assert failure_of(f"http://127.0.0.1:{receiver.port}/{SECRET}").code == 302
    assert len(receiver.requests) == 1


def test_a_watcher_that_hangs_ends_by_the_deadline(receiver: Receiver) -> None:
    receiver.script = [Reply(hangs=True)]
    assert failure_of(f"http://127.0.0.1:{receiver.port}/{SECRET}", 0.3).stage == "answer"


def test_a_watcher_that_is_not_there_is_told_as_the_connection() -> None:
    assert failure_of(f"http://127.0.0.1:{free_port()}/{SECRET}").stage == "connect"


def test_what_is_no_url_is_not_repeated() -> None:
    assert failure_of(f"mailto:{SECRET}").is_final
