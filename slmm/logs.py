"""How log lines look: time in UTC, level, module, message; and the last of them, kept in memory for the log page."""

from __future__ import annotations

import itertools
import logging
import re
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

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
    re.compile(r"(?P<kept>/(?:share|acknowledge)/)[^\s/?#'\"]+"),
    re.compile(r"(?P<kept>\benter the code )\S+"),
    re.compile(r"(?P<kept>[?&](?:ticket|token|key|secret|password|code)=)[^\s&'\"]+", re.IGNORECASE),
    re.compile(r"(?P<kept>(?<![a-z])(?:password|passwd|secret|token|api[_-]?key)['\"]?\s*[=:]\s*['\"]?)[^\s,'\"})]+", re.I),
)  # fmt: skip


def without_secrets(text: str) -> str:
    """*text* with everything that looks like a password, a token or a secret address taken out."""
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<kept>{HIDDEN}", text)
    return text


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


def configure(level: str) -> None:
    """Send the project's log lines to standard error; safe to call twice."""
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(level if name == "slmm" else "WARNING")
        if not any(type(handler) is logging.StreamHandler for handler in logger.handlers):
            handler = logging.StreamHandler()
            formatter = logging.Formatter(FORM, "%Y-%m-%dT%H:%M:%S")
            formatter.converter = time.gmtime
            handler.setFormatter(formatter)
            logger.addHandler(handler)
            logger.propagate = False
