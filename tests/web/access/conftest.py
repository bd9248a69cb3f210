"""A service that asks everybody who they are, and who comes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.settings import Settings
from slmm.storage.devices import Device
from tests.conftest import FAST
from tests.web.conftest import BASE

PASSWORD = "correct horse battery"
OWN = {"Sec-Fetch-Site": "same-origin"}
PORTAL = "https://portal.example.org"


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """A service that asks everybody who they are."""
    app = create_app(make_settings(**FAST, auth="on", cors_origins=(PORTAL,), monitor_heartbeat_s=0.3))
    runtime = app.extensions["slmm"]
    runtime.start()
    yield app
    runtime.stop()


@pytest.fixture
def runtime(app: Flask) -> Any:
    return app.extensions["slmm"]


def bearer(runtime: Any, role: str, units: tuple[str, ...] | None = None, **more: Any) -> dict[str, str]:
    _, secret = runtime.tokens.create(f"{role} token", role, units, more.get("expires_at"), "test")
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def admin(app: Flask, runtime: Any) -> FlaskClient:
    """A browser in which an administrator is logged in."""
    runtime.accounts.create("ada", PASSWORD, "admin")
    return logged_in(app, "ada")


def logged_in(app: Flask, name: str, password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    answer = client.post(f"{BASE}/_login", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.json
    return client


def add_unit(runtime: Any, unit_id: str = "a", **members: Any) -> str:
    runtime.roster.add(Device(unit_id, "127.0.0.1", 9, poll_enabled=False, **members))
    return unit_id
