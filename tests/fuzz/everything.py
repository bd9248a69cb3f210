"""All targets that run within one process."""

from __future__ import annotations

from tests.fuzz import card_targets, document_targets, meter_targets
from tests.fuzz.target import Target


def targets() -> dict[str, Target]:
    """By name."""
    return {each.name: each for each in (*meter_targets.TARGETS, *card_targets.TARGETS, *document_targets.TARGETS)}
