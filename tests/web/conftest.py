"""The application over a running runtime, with a client that speaks HTTP in this process."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.settings import Settings
from tests.conftest import FAST

BASE = "/api/nl43"


@pytest.fixture
def client(make_settings: Callable[..., Settings]) -> Iterator[FlaskClient]:
    app = create_app(make_settings(**FAST, cors_origins=("https://portal.example.org",)))
    runtime = app.extensions["slmm"]
    runtime.start()
    yield app.test_client()
    runtime.stop()


@pytest.fixture
def add(client: FlaskClient) -> Callable[..., str]:
    """Takes a meter on over the interface itself; not polled in the background."""

    def take_on(meter: Any = None, unit_id: str = "a", **members: Any) -> str:
        where = {"host": meter.host, "tcp_port": meter.port} if meter else {"host": "127.0.0.1", "tcp_port": 9}
        body = {"unit_id": unit_id, "poll_enabled": False, **where, **members}
        answer = client.post(f"{BASE}/roster", json=body)
        assert answer.status_code == 200, answer.json
        return unit_id

    return take_on
