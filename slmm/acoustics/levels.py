"""What levels are called: LAF, LAeq, LAFmax, LA5 … from the weightings, as the standards write them; pure."""

from __future__ import annotations

from collections.abc import Sequence

_PERCENTILES = {"ln1": 0, "ln2": 1, "ln3": 2, "ln4": 3, "ln5": 4}


def duration_name(seconds: float) -> str:
    """The length of an interval as it stands in an index: 15min, 1h, 30s."""
    for unit, size_s in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size_s and seconds % size_s == 0:
            return f"{seconds / size_s:g}{unit}"
    return f"{seconds:g}s"


def level_name(
    metric: str,
    frequency: str | None,
    time: str | None,
    percentiles: Sequence[str | None] = (),
    window_s: float | None = None,
) -> str:
    """The name of a quantity for people; weightings that are not known yet are left out.

    *frequency* and *time* are letters such as A and F, *percentiles* the meter's LN settings such as ``5``.
    """
    letter, speed = frequency or "", time or ""
    match metric:
        case "lp":
            return f"L{letter}{speed}" if letter and speed else "Lp"
        case "leq":
            return f"L{letter}eq since the start"
        case "le":
            return f"L{letter}E"
        case "lmax" | "lmin":
            return f"L{letter}{speed}{metric[1:]}"
        case "lpeak":
            return f"L{letter}peak"
        case "lieq":
            return f"L{letter}Ieq"
        case "ltm5":
            return f"L{letter}{speed}Tm5"
        case "leq_mov":
            return f"L{letter}eq,mov"
        case "laeq_rolling":
            length = f",{duration_name(window_s)}" if window_s else ""
            return f"L{letter or 'A'}eq{length} rolling"
        case _ if metric in _PERCENTILES:
            index = _PERCENTILES[metric]
            percent = percentiles[index] if index < len(percentiles) else None
            return f"L{letter}{percent}" if percent else f"L{letter}N{index + 1}"
    return metric


def period_name(metric: str, frequency: str | None, time: str | None, period: str) -> str:
    """The name of a quantity of a *period* such as 15min or night: LAeq,15min, LAE, LAFmax, LCpeak, LAF10,15min.

    LN carries the time weighting of the samples it was counted from (R3).
    """
    letter, speed = frequency or "", time or ""
    match metric:
        case "laeq":
            return f"L{letter or 'A'}eq,{period}"
        case "lae":
            return f"L{letter or 'A'}E"
        case _ if metric[1:].isdigit():
            return f"L{letter}{speed}{metric[1:]},{period}"
    return level_name(metric, frequency, time)
