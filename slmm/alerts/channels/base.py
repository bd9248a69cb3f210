"""What every channel can do, and the deadline that every attempt has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gevent

from slmm.alerts.messages import DeliveryFailed, Message
from slmm.errors import Invalid

LONGEST_SENTENCE = 200


@dataclass(slots=True)
class Progress:
    """How far an attempt has come, for the one who has to say where it ended."""

    stage: str = "config"


class Channel(ABC):
    """One way out of the house; keeps no connection between two messages."""

    takes_recipients = False
    """Whether each message needs an address; otherwise the channel itself has one receiver."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        """An attempt ends after this long, whatever the other side does."""

    def check_recipient(self, text: str) -> str:
        """The address as it is to be stored; raises Invalid for one that this channel cannot reach."""
        if text.strip():
            raise Invalid(f"recipient {text!r} is not allowed: this channel has one receiver of its own", "recipient")
        return ""

    def send(self, message: Message, *, within_s: float | None = None) -> str:
        """Deliver it and return what the receiver said, in one sentence; raises DeliveryFailed only."""
        limit_s = self.deadline_s if within_s is None else min(self.deadline_s, within_s)
        progress = Progress()
        with deadline(limit_s, progress):
            return self._deliver(message, progress)

    @abstractmethod
    def _deliver(self, message: Message, progress: Progress) -> str:
        """One attempt; keeps *progress* up to date."""


@contextmanager
def deadline(limit_s: float, progress: Progress) -> Iterator[None]:
    """End what takes longer than *limit_s* with DeliveryFailed: a timeout per read does not bound a slow drip."""
    timeout = gevent.Timeout(limit_s)
    timeout.start()
    try:
        yield
    except gevent.Timeout as expired:
        if expired is not timeout:
            raise
        raise DeliveryFailed(
            f"the receiver was not done within {limit_s:g} s (stage {progress.stage})", stage=progress.stage
        ) from None
    finally:
        timeout.close()


def one_sentence(told: str | bytes, secrets: Iterable[str | None] = ()) -> str:
    """What a receiver said, on one printable line of bounded length and without *secrets*."""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 1] + "…"
