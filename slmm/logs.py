"""How log lines look: for people, or one JSON object each; and the last of them, kept in memory for the log page.

What looks like a secret is taken out of every line, wherever it goes.
"""

from __future__ import annotations

import itertools
import json
import logging
import re
import time
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slmm.times import timestamp

FORM = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"
LINES_KEPT = 5000
LONGEST_LINE = 4000
HIDDEN = "***"
OURS = ("slmm", "apscheduler")
"""Loggers whose lines go to standard error in our form; gunicorn's have handlers of their own."""
HEARD = (*OURS, "gunicorn.error")

_SECRETS = (
    re.compile(r"(?P<kept>\b[a-z][a-z0-9+.-]*://)[^\s/@]+:[^\s/@]+(?=@)", re.IGNORECASE),  # user:password@
    re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?P<kept>\b)slmm_[A-Za-z0-9_-]{8,}"),
    re.compile(r"(?P<kept>fernet:)\S+"),
    re.compile(r"(?P<kept>\b)whsec_[A-Za-z0-9+/=_-]+"),
    re.compile(r"(?P<kept>/(?:share|acknowledge)/)[^\s/?#'\"]+"),
    re.compile(r"(?P<kept>[?&](?:ticket|token|key|secret|password|code)=)[^\s&'\"]+", re.IGNORECASE),
    re.compile(
        r"(?P<kept>(?<![a-z])(?:password|passwd|secret|token|api[_-]?key)['\"]?\s*[=:]\s*['\"]?)[^\s,'\"})]+",
        re.IGNORECASE,
    ),
)
_SETUP_CODE = re.compile(r"(?P<kept>\benter the code )\S+")
"""Whoever starts the service reads it there, and nowhere else."""

_noted: ContextVar[Mapping[str, str]] = ContextVar("slmm_noted", default={})  # noqa: B039 - never changed in place


def note(**facts: str | None) -> Mapping[str, str]:
    """What every line of the present greenlet is about, such as ``request_id``; what was noted before, for ``renote``.

    None says nothing.
    """
    before = _noted.get()
    _noted.set({**before, **{name: fact for name, fact in facts.items() if fact is not None}})
    return before


def noted() -> Mapping[str, str]:
    """What is noted at present, for a thread that works on behalf of this greenlet; see ``renote``."""
    return _noted.get()


def renote(before: Mapping[str, str]) -> None:
    """Go back to what was noted before, or take over what is noted elsewhere."""
    _noted.set(before)


def without_secrets(text: str, *, keeps_setup_code: bool = False) -> str:
    """*text* with everything that looks like a password, a token or a secret address taken out."""
    for pattern in _SECRETS if keeps_setup_code else (*_SECRETS, _SETUP_CODE):
        text = pattern.sub(rf"\g<kept>{HIDDEN}", text)
    return text


class TextLines(logging.Formatter):
    """Lines for people, in UTC."""

    def __init__(self) -> None:
        super().__init__(FORM, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Called by logging."""
        return without_secrets(super().format(record), keeps_setup_code=True)


class JsonLines(logging.Formatter):
    """One JSON object a line, for collectors of logs; a traceback is one member of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Called by logging."""
        told = {
            "time": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_noted.get(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        elif record.exc_text:
            told["traceback"] = record.exc_text
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        clean = {
            name: without_secrets(value, keeps_setup_code=True) if isinstance(value, str) else value
            for name, value in told.items()
        }
        return json.dumps(clean, ensure_ascii=False, default=str)


def formatter(form: str) -> logging.Formatter:
    """What makes lines of the form ``text`` or ``json``."""
    return JsonLines() if form == "json" else TextLines()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the service's own log."""

    number: int
    at: datetime
    level: str
    source: str
    """The logger, which is the module that speaks."""
    message: str


class LogRing(logging.Handler):
    """The last lines of the service; nobody's secrets are in them."""

    def __init__(self, most: int = LINES_KEPT) -> None:
        super().__init__()
        self._lines: deque[Line] = deque(maxlen=most)
        self._numbers = itertools.count(1)
        self._formatter = logging.Formatter("%(message)s")  # which adds the traceback of an exception

    def begin(self) -> None:
        """Hear what is logged from now on."""
        for name in HEARD:
            logging.getLogger(name).addHandler(self)

    def end(self) -> None:
        """Hear no more."""
        for name in HEARD:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, from any thread."""
        message = without_secrets(self._formatter.format(record)[:LONGEST_LINE])
        at = datetime.fromtimestamp(record.created, UTC)
        self._lines.append(Line(next(self._numbers), at, record.levelname, record.name, message))

    def lines(self) -> list[Line]:
        """What is kept, oldest first."""
        return list(self._lines)


def hear_hub(hub: Any) -> None:
    """Have gevent tell of greenlets that end by an error in our lines, instead of printing many of its own."""

    def tell(context: object, kind: type[BaseException], error: BaseException | None, trace: Any) -> None:
        told = error if error is not None else kind()
        logging.getLogger("slmm.greenlets").error("%r ended by an error", context, exc_info=(kind, told, trace))

    hub.print_exception = tell


def configure(level: str, form: str = "text") -> None:
    """Send the project's log lines to standard error; safe to call twice."""
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(level if name == "slmm" else "WARNING")
        if not any(type(handler) is logging.StreamHandler for handler in logger.handlers):
            logger.addHandler(logging.StreamHandler())
            logger.propagate = False
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setFormatter(formatter(form))
