"""The channel that is always there: one line in the service's log."""

from __future__ import annotations

import logging
from typing import ClassVar

from slmm.alerts.channels.base import Channel, Progress, one_sentence
from slmm.alerts.channels.config import ChannelConfig
from slmm.alerts.messages import Message, MessageKind

logger = logging.getLogger("slmm.alerts")

QUIET = {MessageKind.CLEAR, MessageKind.NOTICE, MessageKind.DIGEST, MessageKind.TEST}
"""Kinds that nobody has to act on."""


class LogConfig(ChannelConfig):
    """There is nothing to choose."""

    kind: ClassVar[str] = "log"


class LogChannel(Channel):
    """Writes to the logger ``slmm.alerts``."""

    def __init__(self, config: LogConfig) -> None:
        super().__init__(deadline_s=5.0)
        self.config = config

    def _deliver(self, message: Message, progress: Progress) -> str:
        level = logging.INFO if message.kind in QUIET else logging.WARNING
        # A unit's name must not begin a line of its own in the log.
        logger.log(level, "%s: %s (%s)", message.kind.value, one_sentence(message.subject), one_sentence(message.uid))
        return "written to the log"
