"""What the figures of a meter are called: LAF, LAeq, LAFmax, from its weightings; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def level_names(labels: Mapping[str, Any] | None) -> dict[str, str]:
    """Names of the main levels; the bare symbols stand while the weightings are not read yet."""
    weighting = (labels or {}).get("frequency_weighting") or ""
    time = (labels or {}).get("time_weighting") or ""
    return {
        "lp": f"L{weighting}{time}" if weighting else "Lp",
        "leq": f"L{weighting}eq",
        "lmax": f"L{weighting}{time}max",
    }


def level_text(value: object) -> str:
    """A level with its one decimal, five wide; a dash when it is not known, or no number."""
    return f"{value:5.1f}" if isinstance(value, (int, float)) else "    –"
