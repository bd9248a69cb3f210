"""Lines of the log as JSON: one object each, about whom, and without anybody's secrets."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import gevent
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from slmm import logs
from slmm.app import create_app
from slmm.settings import Settings
from slmm.web import serverlog
from slmm.web.access import role
from slmm.web.serverlog import access_facts
from tests.conftest import eventually

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told() -> Iterator[Told]:
    """The objects that have been written since the test began."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("json"))
    heard = [logging.getLogger("slmm"), logging.getLogger("gunicorn.access")]
    levels = [logger.level for logger in heard]
    for logger in heard:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for logger, level in zip(heard, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_a_line_is_one_object(told: Told) -> None:
    logging.getLogger("slmm.fleet").warning("north\nwas lost after %d s", 12)
    (line,) = told()
    assert (line["level"], line["logger"]) == ("WARNING", "slmm.fleet")
    assert line["message"] == "north\nwas lost after 12 s"
    assert line["time"].endswith("Z")


def test_a_traceback_is_one_member(told: Told) -> None:
    try:
        raise ValueError("password=hunter2 is wrong")
    except ValueError:
        logging.getLogger("slmm.x").exception("that failed")
    (line,) = told()
    assert line["message"] == "that failed"
    assert line["traceback"].startswith("Traceback (most recent call last)")
    assert "hunter2" not in line["traceback"]


SECRETS = [
    ("logging in with password=hunter2", "hunter2"),
    ('{"ftp_password": "hunter2"}', "hunter2"),
    ("Authorization: Bearer abcdef123456", "abcdef123456"),
    ("Authorization: Basic YWRhOnMzY3JldA==", "YWRhOn"),
    ("GET /api/nl43/_monitor/events?units=a&ticket=abc.def-ghi", "abc.def"),
    ("GET /share/Zm9vYmFyYmF6", "Zm9vYmFy"),
    ("POST https://ada:s3cret@hooks.example.org/x", "s3cret"),
    ("the webhook is signed with whsec_MfKQ9r8GKYqrTwjU", "MfKQ9r8"),
    ("token slmm_AbCdEfGh12345 was used", "AbCdEfGh"),
    ("api_key=0123456789abcdef", "0123456789abcdef"),
]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_no_secret_is_written(form: str, text: str, secret: str) -> None:
    record = logging.LogRecord("slmm.x", logging.INFO, "", 0, "said: %s", (text,), None)
    record.facts = {"path": text}
    line = logs.formatter(form).format(record)
    assert secret not in line
    assert logs.HIDDEN in line


def test_the_setup_code_is_for_whoever_starts_the_service_alone() -> None:
    record = logging.LogRecord("slmm.runtime", logging.WARNING, "", 0, "enter the code %s", ("AB12-CD34",), None)
    assert "AB12-CD34" in logs.formatter("json").format(record)
    assert "AB12-CD34" in logs.formatter("text").format(record)
    assert "AB12-CD34" not in logs.without_secrets(record.getMessage())


def test_greenlets_note_each_for_itself(told: Told) -> None:
    def work(unit_id: str) -> None:
        logs.note(unit_id=unit_id)
        gevent.sleep(0)
        logging.getLogger("slmm.work").info("polled")

    gevent.joinall([gevent.spawn(work, unit_id) for unit_id in ("a", "b")])
    logging.getLogger("slmm.work").info("done")
    assert [line.get("unit_id") for line in told()] == ["a", "b", None]


def test_a_greenlet_that_ends_by_an_error_is_one_line_with_its_traceback(told: Told) -> None:
    def fails() -> None:
        raise RuntimeError("token=geheim42 was taken")

    hub = gevent.get_hub()
    logs.hear_hub(hub)
    try:
        gevent.spawn(fails).join()
    finally:
        del hub.print_exception
    (line,) = told()
    assert (line["level"], line["logger"]) == ("ERROR", "slmm.greenlets")
    assert "in fails" in line["traceback"]
    assert "geheim42" not in line["traceback"]


@pytest.fixture
def client(make_settings: Callable[..., Settings]) -> FlaskClient:
    app = create_app(make_settings())
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fails(unit_id: str) -> str:
        raise RuntimeError(f"{unit_id}: nobody thought of it")

    Flask.add_url_rule(app, "/fails/<unit_id>", "fails", role("public")(fails))
    return app.test_client()


def test_a_request_has_a_number_which_its_lines_and_its_answer_carry(client: FlaskClient, told: Told) -> None:
    answer = client.get("/fails/north", headers={"X-Request-ID": "trace-7.b"})
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == "trace-7.b"
    line = next(line for line in told() if "traceback" in line)
    assert (line["request_id"], line["unit_id"]) == ("trace-7.b", "north")
    assert "nobody thought of it" in line["traceback"]
    logging.getLogger("slmm.x").info("after it")
    assert "request_id" not in told()[-1]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ü", '{"a":1}'])
def test_a_number_that_is_none_is_replaced(client: FlaskClient, given: str) -> None:
    made = client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert made != given
    assert len(made) == 16
    assert made != client.get("/healthz").headers["X-Request-ID"]


def test_a_request_is_a_line_without_what_is_secret_in_its_address(told: Told) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/share/Zm9vYmFyYmF6",
        "QUERY_STRING": "units=a&ticket=abc.def",
        "REMOTE_ADDR": "203.0.113.7",
        "slmm.request_id": "r1",
    }
    serverlog.tell("200 OK", 12, environ, timedelta(milliseconds=3.25))
    (line,) = told()
    assert line["message"] == "GET /share/***?units=a&ticket=*** 200 in 0.0032 s"
    assert (line["status"], line["bytes"], line["duration_s"], line["request_id"]) == (200, 12, 0.0032, "r1")
    assert line["path"] == "/share/***?units=a&ticket=***"
    assert "bytes" not in access_facts(200, None, environ, timedelta(0))


def test_the_server_and_its_streams_speak_json(server: Callable[..., Any]) -> None:
    running = server(SLMM_LOG_FORMAT="json", SLMM_ACCESS_LOG="true")

    number = {"X-Request-ID": "one-stream"}
    with requests.get(f"{running.api}/_monitor/events?ticket=geheim", headers=number, stream=True, timeout=5) as stream:
        assert stream.headers["X-Request-ID"] == "one-stream"
        next(stream.iter_content(1))

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in running.log.read_text().splitlines()]

    unit = {"unit_id": "gone", "host": "127.0.0.1", "tcp_port": 9}
    assert requests.post(f"{running.api}/roster", json=unit, timeout=5).status_code == 200
    ended = eventually(lambda: [line for line in lines() if line.get("request_id") == "one-stream"])[0]
    assert ended["path"] == "/api/nl43/_monitor/events?ticket=***"
    assert ended["status"] == 200
    assert {line["logger"] for line in lines()} >= {"gunicorn.error", "gunicorn.access", "slmm.runtime"}
    eventually(lambda: [line for line in lines() if line.get("unit_id") == "gone" and line["level"] == "WARNING"])
    assert running.terminate() == 0
    assert all(set(line) >= {"time", "level", "logger", "message"} for line in lines())
