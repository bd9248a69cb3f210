"""How log lines look: time in UTC, level, module, message."""

from __future__ import annotations

import logging
import time


def configure(level: str) -> None:
    """Send the project's log lines to standard error; safe to call twice."""
    logger = logging.getLogger("slmm")
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler()
        formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        logger.addHandler(handler)
        logger.propagate = False
