"""The words of a report in English; another language is another dictionary with the same keys."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "decimal sign": ".",
    "weekdays": "Mon Tue Wed Thu Fri Sat Sun",
    "months": "January February March April May June July August September October November December",
    "date": "{weekday} {day} {month} {year}",
    "date without year": "{weekday} {day} {month}",
    # -- head
    "title": "Noise report",
    "day of": "{day}",
    "week of": "Week {week} of {year}: {first} – {last}",
    "month of": "{month} {year}",
    "local time": "{span}, local time of {zone} ({offset})",
    "clock change": "On {day} the clocks go from {before} to {after} ({offset}); the span lasts {hours} h.",
    "not over": "The span is not over: this report tells of the time until {moment}.",
    "page": "page {number} of {count}",
    "made by": "SLMM {version}",
    # -- nothing there
    "empty": "There are no levels of this time.",
    "empty never": "Nothing was ever recorded of this unit.",
    "empty before": "The record of this unit begins on {moment}.",
    "empty after": "The record of this unit ends on {moment}.",
    "empty gone": (
        "The minutes of this time are not kept any more ({days} days): levels are from hours, and of limits only whole "
        "periods could be judged."
    ),
    "empty no run": "No measurement of this unit is known within the span.",
    "empty run": "A measurement was known within the span (see below), but nothing of it was received.",
    # -- verdicts
    "verdicts": "Result",
    "no limit": "No limit is set for this unit; nothing was judged.",
    "verdict ok": "kept",
    "verdict amber": "kept, close",
    "verdict red": "exceeded",
    "verdict not_judged": "not judged",
    "verdict no_data": "no data",
    "verdict not_proven": "not proven",
    "verdict none": "not in force",
    "verdict partly": "kept in part",
    "verdict sentence": "{name}: {told}.",
    "limit exceeded": "{exceeded} of {periods} {kind} exceeded the limit",
    "limit kept": "all {periods} {kind} kept the limit",
    "limit kept of judged": "{judged} of {periods} {kind} judged, and none of these exceeded the limit",
    "limit unknown": "none of the {periods} {kind} could be judged",
    "limit none due": "no period of it fell due in this time",
    "limit not judged": "; {count} not judged or not proven",
    "limit highest": "; highest {value} dB {label}, {when}, limit {limit}",
    "limit action": "; {count} beyond the level that calls for measures",
    "periods of 1": "period",
    "periods of many": "periods",
    "windows of 1": "window",
    "windows of many": "windows",
    "limit as recorded": "With what was excluded: {exceeded} of {periods} exceeded{highest}.",
    "limit as recorded highest": ", highest {value} dB",
    "budget": "Of these days alone: {days} above {above} dB ({most} allowed in the whole project).",
    # -- chart
    "chart described": (
        "Chart of {laeq} as steps and {lmax} as thin line over {when}. Highest {laeq} {highest} dB. The table below "
        "has the figures."
    ),
    "chart excluded": "excluded",
    "chart no data": "no data",
    "chart limit": "limit",
    "chart over": "over-range",
    "chart poor": "little data",
    "chart clocks": "clocks {change} h",
    # -- periods
    "periods": "Periods",
    "part day": "Day",
    "part evening": "Evening",
    "part night": "Night",
    "part 24h": "24 h",
    "part week": "Week",
    "part month": "Month",
    "so far": "so far",
    "period": "Period",
    "from until": "From–until",
    "date column": "Date",
    "coverage": "Coverage",
    "source": "Source",
    "flags": "Flags",
    "table of days": "LAeq in dB; Lden from 07:00 on; LAFmax and coverage of the 24 h from midnight.",
    "lines of whole": "All of it: {levels}; coverage {coverage}.",
    "excluded part": "coverage {coverage}",
    "data": "Data",
    "flag over": "over-range",
    "flag under": "under-range",
    "flag gap": "gap",
    "flag paused": "paused",
    "flag reset": "restarted",
    "flag weather": "weather",
    "flag calibration": "calibration",
    "flag excluded": "excluded",
    "flag spread": "spread",
    "struck": (
        "Struck through: less than {least} of the time is known, so the level is shown, but not judged. > and <: the "
        "true level is higher (over-range) or lower (under-range)."
    ),
    "uncertainty note": (
        "±: expanded uncertainty (k = 2) of what was estimated from readings of the display, and not integrated by "
        "the meter."
    ),
    "sd": "SD card",
    "stream": "100 ms stream",
    "poll": "display",
    "mixed": "several",
    "none": "none",
    "gaps": "Without data: {gaps}; together {total}.",
    "gaps more": "and {count} shorter times",
    "both results": "Results with and without what was excluded",
    "without excluded": "without",
    "with excluded": "with all",
    "difference": "Difference",
    # -- limits in detail
    "exceedances": "Exceedances",
    "when": "When",
    "limit": "Limit",
    "what": "What",
    "exceeded": "exceeded {value} {sign} {limit} dB {label}, {when}, coverage {coverage}",
    "exceeded at least": "exceeded at least {value} {sign} {limit} dB {label}, {when}, coverage {coverage}",
    "exceeded run": "{count} periods in a row; highest: {highest}",
    "exceeded windows": "{count} windows in a row; highest: {highest}",
    "periods column": "Periods",
    "calls for measures": "Calls for measures.",
    "more rows": "{count} more are not listed.",
    "only newest": "Only the newest {count} are listed.",
    "with uncertainty": "{value} ± {off}",
    "unjudged": "Periods that were not judged",
    "unjudged run": "{verdict}, coverage {coverage}{flags}",
    "unjudged run many": "{count} {periods}: {verdict}, coverage {coverage} to {most}{flags}",
    # -- remarks
    "remarks": "Remarks and exclusions",
    "reason": "Reason",
    "remark": "Remark",
    "who": "By",
    "excluded mark": "excluded",
    "withdrawn": "withdrawn by {who} on {moment}",
    "who when": "{who}, {moment}",
    "reason remark": "remark",
    "reason weather": "weather",
    "reason calibration": "calibration",
    "reason foreign": "foreign sound",
    "reason fault": "fault",
    "reason other": "other",
    "somebody": "somebody",
    # -- calibrations
    "calibrations": "Calibration checks",
    "no calibrations": "No calibration check is on record for this unit.",
    "check": "Check",
    "kind before": "before",
    "kind after": "after",
    "kind check": "check",
    "calibrator": "Calibrator",
    "nominal": "Nominal",
    "measured": "Measured",
    "adjusted": "Adjusted to",
    "deviation": "Deviation",
    "drift": "Drift",
    "drift since": "{drift} since {moment}",
    "voids": "voids {span}",
    "outside": "outside the span",
    "drift note": "Drift is recorded, and never applied to levels.",
    # -- runs
    "runs": "Measurements",
    "no runs": "No measurement is on record for this time.",
    "began": "Began",
    "ended": "Ended",
    "store": "Store",
    "card": "SD card",
    "settings": "Settings",
    "goes on": "goes on",
    "or before": "{moment} or before",
    "about": "about {moment}",
    "card none": "not fetched",
    "card wanted": "to be fetched",
    "card partial": "fetched in part",
    "card merged": "fetched",
    "card failed": "failed",
    # -- method
    "method": "Method",
    "instrument": "Instrument",
    "instrument of": "Rion NL-43 or NL-53, read by SLMM as unit {unit}; serial number:",
    "weighting": "Weighting",
    "weighting of": "frequency {frequency}, time {time}",
    "weighting of runs": "as set for the measurements of this time",
    "weighting last known": "as last read from the meter; none is on record for this time",
    "weighting unknown": "not on record; levels are told as if A-weighted",
    "sources": "Data",
    "sources none": "none",
    "averages": "Means",
    "averages of": (
        "energy means over the time of which levels are valid; time without data is neither zero nor an average. "
        "Over-range, calibration and what was excluded are no part of them. Rounded once, at the end, half up, to "
        "0.1 dB; limits round and compare as their document says."
    ),
    "percentiles": "Percentiles",
    "percentiles of": (
        "{name} is the level exceeded for N % of the valid time, counted in tenths of a second from {base}, in classes "
        "of 0.1 dB: the highest class such that at least N % of the time lies in it or above."
    ),
    "times": "Times",
    "times of": (
        "local time of {zone}. A period is labelled by its end; a night belongs to the date on which it begins, and so "
        "do whole periods and noisiest hours of a limit. Day, evening and night are 07–19–23–07."
    ),
    "limits used": "Limits",
    "limit version": (
        "{name}{scheme}: {label} {comparator} {levels} dB; judged from a coverage of {coverage} on; {zone}; "
        "no. {number}, version {version}"
    ),
    "limit scheme": " ({scheme})",
    "software": "Software",
    "software of": (
        "SLMM {slmm}, layout {layout} of this report, record schema {record}, database schema {database}, limit "
        "format {limit}"
    ),
    "evidence": "Evidence",
    "sealed": "sealed up to link {number} of {moment} UTC: ",
    "sealed check": "; to check: slmm verify --head with this hash",
    "not sealed": "not sealed yet",
    # -- signature
    "place and date": "Place, date",
    "name": "Name",
    "signature": "Signature",
}
