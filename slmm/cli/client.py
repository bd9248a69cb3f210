"""Speaks to a running SLMM over its REST interface, as any other client would."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

import click
import requests
from requests.auth import AuthBase
from urllib3.exceptions import LocationValueError

from slmm import settings as settings_module
from slmm.cli.output import json_option
from slmm.errors import SlmmError
from slmm.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

ANSWER_WITHIN_S = 60.0
CONNECT_WITHIN_S = 5.0

_UNIT = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,63}")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}


class ServiceError(SlmmError):
    """The service does not answer, or says no; the message is its own sentence."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status, if there was an answer."""

    @property
    def is_final(self) -> bool:
        """Whether asking again is in vain: no right, or no such unit."""
        return self.status in (401, 403, 404, 422)


class Answer(dict[str, Any]):
    """A JSON object at any depth; what is missing or of another kind is the service's mistake, told as such."""

    def __init__(self, members: dict[str, Any], url: str) -> None:
        super().__init__(members)
        self._url = url

    def __missing__(self, name: str) -> NoReturn:
        raise self._stranger(f"has no {name!r}")

    def part(self, name: str) -> Answer:
        """An object; empty where the service says null."""
        found = self[name]
        if found is not None and not isinstance(found, Answer):
            raise self._stranger(f"has no object {name!r}")
        return found or Answer({}, self._url)

    def rows(self, name: str) -> list[Answer]:
        """A list of objects."""
        found = self[name]
        if not isinstance(found, list) or not all(isinstance(row, Answer) for row in found):
            raise self._stranger(f"has no list {name!r}")
        return found

    def _stranger(self, why: str) -> ServiceError:
        return ServiceError(f"what answers at {self._url} is no SLMM of this version: its answer {why}")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One Server-Sent Event; frames have no name."""

    name: str
    event_id: str
    data: Answer


class _Bearer(AuthBase):
    """As an authentication of requests', for else an entry in ~/.netrc would replace the header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Service:
    """One SLMM by its address; raises UsageError for an address or a token that cannot be one."""

    def __init__(self, url: str, token: str | None) -> None:
        try:
            parts = urlsplit(url.strip().rstrip("/"))
            host, _ = parts.hostname, parts.port  # a port that is none raises here
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            raise click.UsageError("--url (or SLMM_URL) must be an address such as http://127.0.0.1:8100")
        self._base = parts.geturl()
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        """For people: without a password that may stand in it."""
        self._session = requests.Session()
        self._session.trust_env = not _is_loopback(host)  # no proxy leads to this machine
        if token and (token := token.strip()):
            if not re.fullmatch(r"[!-~]+", token):
                raise click.UsageError("--token (or SLMM_TOKEN) holds characters that no token has")
            self._session.auth = _Bearer(token)

    def call(self, method: str, path: str, *, within_s: float = ANSWER_WITHIN_S, **more: Any) -> Answer:
        """The answer as JSON; raises ServiceError."""
        with self.open(method, path, within_s=within_s, **more) as answer:
            try:
                text = answer.content
            except requests.RequestException as error:
                raise ServiceError(f"{self.url} broke off in the middle of its answer; try again") from error
        return self._read(text)

    def _read(self, text: bytes | str) -> Answer:
        """A JSON object; final when it is none, for asking again changes nothing."""
        try:
            found = json.loads(text, object_hook=lambda members: Answer(members, self.url))
        except (ValueError, RecursionError) as error:
            raise ServiceError(f"what answers at {self.url} is no SLMM", 404) from error
        if not isinstance(found, Answer):
            raise ServiceError(f"what answers at {self.url} is no SLMM", 404)
        return found

    def open(self, method: str, path: str, *, within_s: float = ANSWER_WITHIN_S, **more: Any) -> requests.Response:
        """An answer that is read piece by piece; raises ServiceError."""
        address = f"{self._base}{path}" if path.startswith("/health") else f"{self._base}/api/nl43{path}"
        try:
            answer = self._session.request(
                method, address, timeout=(CONNECT_WITHIN_S, within_s), stream=True, allow_redirects=False, **more
            )
        except requests.exceptions.SSLError as error:
            raise ServiceError(f"{self.url} cannot be trusted: {error}") from error
        except requests.ConnectionError as error:
            raise ServiceError(f"no SLMM answers at {self.url}; start it with: slmm serve") from error
        except requests.Timeout as error:
            raise ServiceError(f"{self.url} did not answer within {within_s:g} s") from error
        except (requests.RequestException, LocationValueError, UnicodeError) as error:
            raise ServiceError(f"{self.url} cannot be asked: {error}") from error
        if answer.status_code >= 300:
            with answer:
                raise ServiceError(self._why(answer), answer.status_code)
        return answer

    def _why(self, answer: requests.Response) -> str:
        try:
            detail = str(answer.json()["detail"])
        except (requests.RequestException, KeyError, TypeError):
            elsewhere = f"; it points to {answer.headers['Location']}" if "Location" in answer.headers else ""
            return f"{self.url} answered {answer.status_code} {answer.reason}{elsewhere}"
        hint = "; give a token with --token or SLMM_TOKEN" if answer.status_code == 401 else ""
        return detail + hint

    def events(self, path: str, within_s: float, last_event_id: str = "") -> Iterator[ServerEvent]:
        """An event stream, until the service ends it or is mute for so long; raises ServiceError when it says no."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_event_id} if last_event_id else {})}
        name, event_id, data = "", "", ""
        try:
            with self.open("GET", path, within_s=within_s, headers=headers) as answer:
                if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                    raise ServiceError(f"what answers at {self.url} is no SLMM", 404)
                answer.encoding = "utf-8"
                for line in map(str, answer.iter_lines(chunk_size=1, decode_unicode=True)):
                    field, _, value = line.partition(":")
                    value = value.removeprefix(" ")
                    if field == "event":
                        name = value
                    elif field == "id":
                        event_id = value
                    elif field == "data":
                        data += value
                    elif not line:
                        if data:
                            yield ServerEvent(name, event_id, self._read(data))
                        name, event_id, data = "", "", ""
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return
        except requests.RequestException as error:
            raise ServiceError(f"what answers at {self.url} is no SLMM", 404) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def default_url(settings: Settings) -> str:
    """Where this machine's SLMM is to be reached, by its settings."""
    return _url(_EVERYWHERE.get(settings.host, settings.host), settings.port)


def bound_url(settings: Settings) -> str:
    """The address it listens at, which may stand for all addresses of the machine."""
    return _url(settings.host, settings.port)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class UnitName(click.ParamType[str]):
    """A name that stays one part of a path."""

    name = "unit"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself, if a unit may be called that."""
        if not _UNIT.fullmatch(value):
            self.fail(f"{value!r}: 1–64 letters, digits, '.', '_' or '-', not beginning with '_' or '.'", param, ctx)
        return value


def unit_argument(command: Command) -> Command:
    """``UNIT`` as the parameter *unit*."""
    return click.argument("unit", type=UnitName())(command)


def address_options(command: Command) -> Command:
    """``--url``, ``--token`` and ``--json`` as they were given."""
    for option in (
        click.option("--token", envvar="SLMM_TOKEN", help="API token; better in the environment as SLMM_TOKEN."),
        click.option("--url", envvar="SLMM_URL", help="Address of the service; else that of the settings."),
        json_option,
    ):
        command = option(command)
    return command


def service_options(command: Command) -> Command:
    """``--url``, ``--token`` and ``--json``; the command gets *service* and *as_json*."""

    @wraps(command)
    def with_service(*args: Any, url: str | None, token: str | None, **kwargs: Any) -> Any:
        return command(*args, service=Service(url or default_url(settings_module.load()), token), **kwargs)

    return cast(Command, address_options(with_service))
