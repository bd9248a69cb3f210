"""Each error of the program as HTTP tells it."""

import logging
from collections.abc import Callable

import pytest
from flask import redirect
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from slmm import errors
from slmm.app import create_app
from slmm.settings import Settings
from slmm.web.problems import CONTENT_TYPE


def every_kind(kind: type[errors.SlmmError] = errors.SlmmError) -> list[type[errors.SlmmError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in every_kind(child))]


EXPECTED = {
    errors.Invalid: (422, "invalid"),
    errors.NotFound: (404, "not_found"),
    errors.NotIdentified: (401, "not_identified"),
    errors.TooMany: (429, "too_many_requests"),
    errors.NotAllowed: (403, "not_allowed"),
    errors.Conflict: (409, "conflict"),
    errors.Standby: (503, "standby"),
    errors.DiskFull: (507, "disk_full"),
    errors.DiskTrouble: (500, "disk_trouble"),
    errors.DeviceDisabled: (403, "device_disabled"),
    errors.DeviceUnreachable: (502, "device_unreachable"),
    errors.DeviceTimeout: (504, "device_timeout"),
    errors.ConnectionLost: (502, "connection_lost"),
    errors.DeviceBusy: (503, "device_busy"),
    errors.Refused: (502, "device_refused"),
    errors.CommandError: (502, "device_refused"),
    errors.NotSupported: (409, "not_supported"),
    errors.NotInstalled: (501, "not_installed"),
    errors.ParameterError: (502, "device_refused"),
    errors.DesignationError: (502, "device_refused"),
    errors.StatusError: (409, "wrong_state"),
    errors.NotConfirmed: (502, "not_confirmed"),
    errors.Garbled: (502, "garbled_reply"),
}


@pytest.fixture
def raising(make_settings: Callable[..., Settings]) -> Callable[[Exception], FlaskClient]:
    """An application whose /raise raises; its runtime never runs."""

    def make(error: Exception) -> FlaskClient:
        app = create_app(make_settings())

        @app.get("/raise")
        def view() -> str:
            raise error

        return app.test_client()

    return make


def test_no_error_for_callers_lacks_a_status() -> None:
    for_callers = {kind for kind in every_kind() if kind.__module__ == errors.__name__}
    assert for_callers - {errors.SlmmError, errors.DeviceError} == set(EXPECTED)


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_error_has_its_status_and_word(
    raising: Callable[[Exception], FlaskClient], kind: type[errors.SlmmError]
) -> None:
    answer = raising(kind("meter m2 is away")).get("/raise")
    status, code = EXPECTED[kind]
    assert (answer.status_code, answer.json["code"], answer.mimetype) == (status, code, CONTENT_TYPE)
    assert (answer.json["status"], answer.json["detail"], answer.json["instance"]) == (
        status,
        "meter m2 is away",
        "/raise",
    )
    assert ("Retry-After" in answer.headers) == (status in (429, 503))
    assert ("device_result" in answer.json) == issubclass(kind, errors.Refused)


def test_a_busy_device_tells_when_to_come_back(raising: Callable[[Exception], FlaskClient]) -> None:
    answer = raising(errors.DeviceBusy("a transfer holds it", retry_after_s=7.4)).get("/raise")
    assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize("kind", [RuntimeError, errors.SlmmError])
def test_an_unexpected_error_is_logged_and_tells_nothing(
    raising: Callable[[Exception], FlaskClient], caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = raising(kind("/secret/path and a stack")).get("/raise")
    assert (answer.status_code, answer.json["code"], answer.mimetype) == (500, "internal", CONTENT_TYPE)
    assert "secret" not in answer.text
    assert "/secret/path and a stack" in caplog.text


def test_a_locked_database_is_told_to_be_passing(raising: Callable[[Exception], FlaskClient]) -> None:
    locked = OperationalError("update nl43_config", {"ftp_password": "hunter2"}, Exception("database is locked"))
    answer = raising(locked).get("/raise")
    assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
    assert "database is locked" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert "hunter2" not in answer.text


def test_a_path_with_line_ends_is_quoted(raising: Callable[[Exception], FlaskClient]) -> None:
    answer = raising(RuntimeError()).get("/no%0d%0aSet-Cookie:x")
    assert answer.json["instance"] == "/no%0D%0ASet-Cookie%3Ax"


def test_a_method_that_is_not_possible_names_those_that_are(raising: Callable[[Exception], FlaskClient]) -> None:
    answer = raising(RuntimeError()).post("/raise")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
    assert "POST is not possible" in answer.json["detail"]


def test_a_redirect_is_no_problem(make_settings: Callable[..., Settings]) -> None:
    app = create_app(make_settings())
    app.add_url_rule("/old/", view_func=lambda: redirect("/"), endpoint="old")
    answer = app.test_client().get("/old")
    assert (answer.status_code, answer.headers["Location"].endswith("/old/")) == (308, True)
    assert answer.mimetype != CONTENT_TYPE
