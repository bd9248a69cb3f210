"""The one place that knows flask-openapi3: routes that declare role, input, answers and errors at once."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from flask import current_app, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from gevent.monkey import get_original
from pydantic import BaseModel
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from slmm import __version__
from slmm.errors import Invalid
from slmm.web.access import Role, role
from slmm.web.problems import CONTENT_TYPE, Problem, validation_problem

View = TypeVar("View", bound=Callable[..., Any])

INFO = Info(
    title="SLMM, the sound level meter manager",
    version=__version__,
    description="Levels are JSON numbers in dB or null; times are RFC 3339 in UTC. Errors are problem+json.",
)
DEVICE_PROBLEMS = (403, 404, 409, 422, 502, 503, 504)
DOWNLOAD_PROBLEMS = (*DEVICE_PROBLEMS, 500, 507)
UNIT_PROBLEMS = (404, 422)
PLAIN_PROBLEMS = (422,)

_DESCRIPTIONS = {
    400: "The body is not JSON.",
    401: "Nobody knows who asks: log in, or send an API token.",
    403: "TCP or FTP is disabled for this device, or the caller may not do this.",
    404: "There is no such unit.",
    413: "The body is too large.",
    409: "It exists already, or the meter is in the wrong state (R+0004).",
    415: "The body must be sent as application/json.",
    429: "Asked too often; see Retry-After.",
    422: "The input is invalid; errors names each field.",
    500: "The disk of the service did not take or give a file.",
    501: "An optional part is not installed; the detail says how to.",
    502: "The meter cannot be reached, refused, or answered nonsense.",
    503: "Standby, not ready, or the meter is busy; see Retry-After.",
    504: "The meter did not answer in time.",
    507: "The disk of the service is full.",
}


SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"login": []}]


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": _DESCRIPTIONS[status], "content": {CONTENT_TYPE: {"schema": schema}}}


def _file(content_types: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    return {"description": "The file", "content": {each: {"schema": schema} for each in content_types.split(", ")}}


ON_RECORD = Tag(name="record", description="Runs, SD cards, remarks, calibrations and evidence")
WHAT_WAS = Tag(name="history", description="What was: levels at any step, figures of periods, exports, reports")
LIMITS = Tag(name="limits", description="Limits, what is judged by them, what they still allow, and trials on the past")
"""Groups of several modules."""

_DESCRIPTION = "slmm.description"


class Api(APIBlueprint):
    """Operations of one module; every route names the least role it needs."""

    def __init__(self, name: str, summary: str, url_prefix: str = "/api/nl43", *, group: Tag | None = None) -> None:
        tag = group or Tag(name=name, description=summary)
        super().__init__(name, __name__, url_prefix=url_prefix, abp_tags=[tag])
        self._declared: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []

    def _collect_openapi_info(self, rule: str, func: Callable[..., Any], **more: Any) -> Any:
        """What the parts of a request are read as; describing takes half a second and waits until it is asked for."""
        self._declared.append((rule, func, more))
        return super()._collect_openapi_info(rule, func, **{**more, "doc_ui": False})

    def describe_to(self, app: OpenAPI) -> None:
        """Add every declared operation to the description of *app*; doing so again changes nothing."""
        for rule, func, more in self._declared:
            super()._collect_openapi_info(rule, func, **more)
        known = set(app.tag_names)
        app.tags += [tag for tag in self.tags if tag.name not in known]
        app.tag_names += [tag.name for tag in self.tags if tag.name not in known]
        app.paths.update(self.paths)
        app.components_schemas.update(self.components_schemas)

    def route_for(
        self,
        method: str,
        rule: str,
        *,
        needs: Role | str,
        answer: type[BaseModel] | str,
        problems: tuple[int, ...],
        accepted: type[BaseModel] | None = None,
    ) -> Callable[[View], View]:
        """Register a view: its docstring's first line is the operation's summary.

        *answer* is a model, or the type of a file (several with commas between); *accepted* is the answer 202 of a long
        operation that is not waited for.
        """

        def declare(view: View) -> View:
            lines = inspect.cleandoc(view.__doc__ or "").split("\n", 1)
            wanted = Role(needs)
            statuses = {*problems} if wanted is Role.PUBLIC else {*problems, 401, 403}
            statuses |= {403} if method != "get" else set()
            if "body" in inspect.signature(view).parameters:
                statuses |= {400, 413, 415}
            good = _file(answer) if isinstance(answer, str) else answer
            responses: dict[Any, Any] = {200: good, **{status: _problem(status) for status in sorted(statuses)}}
            if accepted is not None:
                responses[202] = accepted
            decorate = getattr(super(Api, self), method)(
                rule,
                summary=lines[0],
                description="\n".join(lines[1:]).strip() or None,
                responses=responses,
                security=[] if wanted is Role.PUBLIC else SECURITY,
            )
            decorate(role(str(needs))(view))
            return view

        return declare


def new_app(import_name: str, **options: Any) -> OpenAPI:
    """A Flask application that can describe itself."""
    return OpenAPI(
        import_name,
        info=INFO,
        doc_ui=False,
        security_schemes={
            "ticket": {"type": "apiKey", "in": "query", "name": "ticket", "description": "A stream ticket"},
            "token": {"type": "http", "scheme": "bearer", "description": "An API token"},
            "login": {"type": "apiKey", "in": "cookie", "name": "slmm_session", "description": "A login in a browser"},
        },
        validation_error_model=Problem,
        validation_error_callback=validation_problem,
        **options,
    )


_STREAM = "Server-Sent Events: unnamed events are frames, named ones status, alert, limits, roster, heartbeat and error"


def _stream_operation(summary: str, *parameters: tuple[str, str, str]) -> dict[str, Any]:
    """A GET that answers with an event stream, which flask-openapi3 has no words for."""
    responses: dict[str, Any] = {str(status): _problem(status) for status in (401, 403, 404, 422)}
    responses["200"] = {"description": _STREAM, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    described = [
        {"name": name, "in": where, "required": where == "path", "description": text, "schema": {"type": "string"}}
        for name, where, text in parameters
    ]
    operation = {"tags": ["feeds"], "summary": summary, "parameters": described, "responses": responses}
    return {"get": {**operation, "security": [*SECURITY, {"ticket": []}]}}


_RESUME = ("last_event_id", "query", "Resume after this event id; 'earliest' for all the server still holds")
_SHARED = (
    ("newest", "query", "1: at least the newest frame of each unit, even if 'last_event_id' says it was had"),
    ("replay", "query", "Names with commas between, or *: of these units all the server still holds"),
    ("time", "query", "1: begin with an event 'time' that tells the server's clock"),
)
STREAM_PATHS = {
    "/api/nl43/{unit_id}/monitor/events": _stream_operation(
        "The shared feed of one unit.", ("unit_id", "path", "The unit"), _RESUME
    ),
    "/api/nl43/{unit_id}/stream/events": _stream_operation(
        "The 100 ms stream (DRD) of one unit.", ("unit_id", "path", "The unit"), _RESUME
    ),
    "/api/nl43/{unit_id}/logs/events": _stream_operation(
        "The log of one unit as it is written.", ("unit_id", "path", "The unit"), _RESUME
    ),
    "/api/nl43/_alerts/stream/events": _stream_operation("What happens to alerts of all units.", _RESUME),
    "/api/nl43/_monitor/events": _stream_operation(
        "Frames, notices and roster changes of many units over one connection.",
        ("units", "query", "Names with commas between; all units if left out"),
        _RESUME,
        *_SHARED,
    ),
}


_describing = get_original("threading", "Lock")()  # held in pool threads, which have no hub to wait on


def described(app: OpenAPI) -> str:
    """The whole interface as JSON, streams included; made once, by whoever asks first, in a pool thread."""
    with _describing:
        if _DESCRIPTION not in app.extensions:
            for api in app.blueprints.values():
                if isinstance(api, Api):
                    api.describe_to(app)
            found = {**app.api_doc, "paths": {**app.api_doc["paths"], **STREAM_PATHS}}
            app.extensions[_DESCRIPTION] = app.json.dumps(found)
    text: str = app.extensions[_DESCRIPTION]
    return text


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


class StrictJson(DefaultJSONProvider):
    """JSON as RFC 8259 has it: no NaN or Infinity in either direction, members in the order given."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Decode; raises ValueError for anything that is not JSON, or is nested beyond reason."""
        try:
            return json.loads(s, parse_constant=_no_constant, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Encode; raises ValueError for a number that JSON does not have."""
        return super().dumps(obj, allow_nan=False, **kwargs)


def takes_file(view: View) -> View:
    """Declare that the body of a request is a file, which the view reads by itself; put it below ``route_for``."""
    view.takes_file = True  # type: ignore[attr-defined]
    return view


def _takes_file() -> bool:
    view: Any = current_app.view_functions.get(request.endpoint or "")
    while view is not None and not getattr(view, "takes_file", False):
        view = getattr(view, "__wrapped__", None)
    return view is not None


_KINDS: dict[type, str] = {list: "array", str: "string", bool: "boolean", type(None): "null"}


def check_body() -> None:
    """Refuse a body that is not JSON by type (415) or content (400), or no object, before any model sees it."""
    if request.method not in ("POST", "PUT", "PATCH") or _takes_file() or not request.get_data(cache=True):
        return
    if not request.is_json:
        raise UnsupportedMediaType("send the body as application/json")
    try:
        body = request.get_json()
    except BadRequest as error:
        reason = str(getattr(error.__cause__, "description", ""))  # Flask hides werkzeug's reason behind its own
        raise BadRequest(f"the body is not JSON: {reason.rpartition('object: ')[2]}") from error
    if not isinstance(body, dict):  # flask-openapi3 would decode a string once more
        raise Invalid(f"the body is a JSON {_KINDS.get(type(body), 'number')}, where an object is needed", field="body")
