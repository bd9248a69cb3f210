"""Speaks to a running SLMM over its REST interface, as any other client would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

import click
import requests

from slmm import settings as settings_module
from slmm.cli.output import json_option
from slmm.errors import SlmmError

Command = TypeVar("Command", bound=Callable[..., Any])

ANSWER_WITHIN_S = 60.0
CONNECT_WITHIN_S = 5.0


class ServiceError(SlmmError):
    """The service does not answer, or says no; the message is its own sentence."""


class Service:
    """One SLMM by its address."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, *, within_s: float = ANSWER_WITHIN_S, **more: Any) -> dict[str, Any]:
        """The answer as JSON; raises ServiceError."""
        with self.open(method, path, within_s=within_s, **more) as answer:
            try:
                return cast("dict[str, Any]", answer.json())
            except requests.JSONDecodeError as error:
                raise ServiceError(f"what answers at {self.url} is no SLMM") from error

    def open(self, method: str, path: str, *, within_s: float = ANSWER_WITHIN_S, **more: Any) -> requests.Response:
        """An answer that is read piece by piece; raises ServiceError."""
        address = f"{self.url}{path}" if path.startswith("/health") else f"{self.url}/api/nl43{path}"
        try:
            answer = self._session.request(
                method, address, timeout=(CONNECT_WITHIN_S, within_s), stream=True, allow_redirects=False, **more
            )
        except requests.ConnectionError as error:
            raise ServiceError(f"no SLMM answers at {self.url}; start it with: slmm serve") from error
        except requests.Timeout as error:
            raise ServiceError(f"{self.url} did not answer within {within_s:g} s") from error
        except (requests.RequestException, UnicodeError) as error:
            raise ServiceError(f"{self.url} cannot be asked: {error}") from error
        if answer.status_code >= 300:
            with answer:
                raise ServiceError(self._why(answer))
        return answer

    def _why(self, answer: requests.Response) -> str:
        try:
            detail = str(answer.json()["detail"])
        except (requests.JSONDecodeError, KeyError, TypeError):
            return f"{self.url} answered {answer.status_code} {answer.reason}"
        hint = "; give a token with --token or SLMM_TOKEN" if answer.status_code == 401 else ""
        return detail + hint

    def events(self, path: str, within_s: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """An event stream: name (empty for frames) and data, until the service ends it or is mute for so long."""
        name, data = "", ""
        try:
            with self.open("GET", path, within_s=within_s) as answer:
                answer.encoding = "utf-8"
                for line in map(str, answer.iter_lines(chunk_size=1, decode_unicode=True)):
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        data = value
                    elif not line and data:
                        yield name, json.loads(data)
                        name, data = "", ""
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return


def default_url() -> str:
    """Where this machine's SLMM is, by its settings."""
    settings = settings_module.load()
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "") else settings.host
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.port}"


def service_options(command: Command) -> Command:
    """``--url``, ``--token`` and ``--json``; the command gets *service* and *as_json*."""

    @wraps(command)
    def with_service(*args: Any, url: str | None, token: str | None, **kwargs: Any) -> Any:
        return command(*args, service=Service(url or default_url(), token), **kwargs)

    for option in (
        click.option("--token", envvar="SLMM_TOKEN", help="API token; better in the environment as SLMM_TOKEN."),
        click.option("--url", envvar="SLMM_URL", help="Address of the service; else that of the settings."),
        json_option,
    ):
        with_service = option(with_service)
    return cast(Command, with_service)
