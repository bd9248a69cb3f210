"""One HTTP request and its answer: no redirects, no proxy, no cookies, and only to addresses that were checked.

Not by requests: the address that is checked has to be the one that is connected to.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

import slmm
from slmm.alerts.channels.addresses import usable
from slmm.alerts.channels.base import Progress, one_sentence
from slmm.alerts.channels.dial import dial, network_failures
from slmm.alerts.messages import DeliveryFailed

ANSWER_LIMIT_BYTES = 4096
"""More of an answer is not read."""
LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts; its text form is what may be shown, without path and query."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    reason: str
    retry_after: str | None
    text: str

    @property
    def sentence(self) -> str:
        """Status and what the receiver said about it."""
        return one_sentence(f"{self.status} {self.reason} {self.text}")


def target_of(url: str) -> Target:
    """The parts of an HTTP URL; raises ValueError, without repeating the URL, for what is none."""
    allowed = "http:// or https:// with a host, percent-encoded, without user and password"
    if not re.fullmatch(r"[!-~]{1,2000}", url):
        raise ValueError(allowed)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(allowed) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or port == 0:
        raise ValueError(allowed)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)


def ask(
    target: Target,
    method: str,
    progress: Progress,
    *,
    timeout_s: float,
    allow_private: bool,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Ask and read the answer; raises DeliveryFailed for what the network does, not for the status."""
    with network_failures(str(target), progress):
        line = dial(
            target.host,
            target.port,
            progress,
            timeout_s=timeout_s,
            tls=target.scheme == "https",
            check=partial(usable, allow_private=allow_private),
        )
        connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
        connection.default_port = 443 if target.scheme == "https" else 80
        connection.sock = line
        try:
            progress.stage = "data"
            sent = {"User-Agent": f"slmm/{slmm.__version__}", "Connection": "close", **(headers or {})}
            connection.request(method, target.path, body, sent)
            progress.stage = "answer"
            return _answer(connection)
        except http.client.HTTPException as error:
            what = one_sentence(f"{type(error).__name__} {error}")
            raise DeliveryFailed(f"{target} gave no HTTP answer: {what}", stage="answer") from error
        finally:
            line.close()
            connection.close()


def _answer(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    with response:
        text = response.read(ANSWER_LIMIT_BYTES)
        return Answer(
            status=response.status,
            reason=response.reason,
            retry_after=response.getheader("Retry-After"),
            text=text.decode("utf-8", "replace"),
        )


def retry_after_s(told: str | None, now_s: float) -> float | None:
    """How long to wait by the header Retry-After (seconds or a date), at most an hour; None if it says nothing."""
    if told is None:
        return None
    told = told.strip()
    if told.isdecimal() and told.isascii():
        wait_s = float(told[:9])
    else:
        try:
            wait_s = parsedate_to_datetime(told).timestamp() - now_s
        except ValueError:
            return None
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)


def failure(target: Target, answer: Answer, now_s: float, secrets: list[str | None]) -> DeliveryFailed:
    """What a status other than 2xx means for this message and for the channel."""
    told = one_sentence(answer.sentence, secrets)
    may_pass = answer.status in {408, 425, 429} or answer.status >= 500
    is_gone = answer.status == 410
    return DeliveryFailed(
        f"{target} answered {told}",
        stage="answer",
        code=answer.status,
        is_final=not (may_pass or is_gone),
        pauses_channel=is_gone,
        retry_after_s=retry_after_s(answer.retry_after, now_s),
    )
