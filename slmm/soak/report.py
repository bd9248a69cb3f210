"""The outcome of a run as a table for people and as JSON for programs; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slmm.soak.run import Outcome
from slmm.soak.slope import Slope
from slmm.soak.troubles import Trouble

SHOWN_COMPLAINTS = 40
TELLING_LIFE_S = 1800.0
"""What buffers keep by age is still filling up in a shorter one."""


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One kind of fault: how often, what it cost, how long until the next reading."""

    kind: str
    count: int
    told: int
    """How often viewers were told that the meter is out of reach."""
    lost: int
    unkept: int
    recovery_p50_s: float | None
    recovery_max_s: float | None


def _fault_line(kind: str, its: Sequence[Trouble]) -> FaultLine:
    took = sorted(trouble.recovery_s for trouble in its if trouble.recovery_s is not None)
    return FaultLine(
        kind,
        len(its),
        sum(trouble.was_told for trouble in its),
        sum(trouble.lost for trouble in its),
        sum(trouble.unkept for trouble in its),
        took[len(took) // 2] if took else None,
        took[-1] if took else None,
    )


def fault_lines(troubles: Sequence[Trouble]) -> list[FaultLine]:
    """One line for each kind, in alphabetical order."""
    kinds = sorted({trouble.kind for trouble in troubles})
    return [_fault_line(kind, [trouble for trouble in troubles if trouble.kind == kind]) for kind in kinds]


def warm_up_s(outcome: Outcome) -> float:
    """How much of a life says nothing about growth: feeds keep ten minutes of frames; of a short life a third."""
    longest = outcome.sampler.longest.lasts_s if outcome.sampler else 0.0
    return min(660.0 + longest * 0.1, longest / 3.0)


def slope(outcome: Outcome) -> Slope | None:
    """Growth of memory in MiB an hour of real time in the longest life."""
    return outcome.sampler.longest.slope_mib_h(warm_up_s(outcome)) if outcome.sampler else None


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Everything, for programs."""
    wish, totals, found = outcome.wish, outcome.totals, slope(outcome)
    longest = outcome.sampler.longest if outcome.sampler else None
    rest = longest.slope_of_rest_mib_h(warm_up_s(outcome)) if longest else None
    return {
        "wish": asdict(wish),
        "is_whole": outcome.is_whole,
        "real_s": round((outcome.ended_s or outcome.began_s) - outcome.began_s, 1),
        "complaints": outcome.all_complaints,
        "faults": [asdict(line) for line in fault_lines(outcome.chronicle.troubles)],
        "totals": asdict(totals),
        "commands": outcome.commands,
        "alarms": {
            "loud_phases": len(outcome.chronicle.louds),
            "level_events": sum(alarm.is_level for alarm in outcome.alarms.values()),
            "lost_meter_events": sum(not alarm.is_level for alarm in outcome.alarms.values()),
        },
        "counters": [asdict(count) for count in outcome.counts],
        "viewers": None
        if outcome.crowd is None
        else {"visits": outcome.crowd.visits, "returns": outcome.crowd.returns, "skipped": outcome.crowd.skipped},
        "memory": None
        if longest is None or not longest.memory
        else {
            "life_s": round(longest.lasts_s, 1),
            "warm_up_s": round(warm_up_s(outcome), 1),
            "first_mib": round(longest.memory[0][1], 1),
            "last_mib": round(longest.memory[-1][1], 1),
            "slope_mib_per_real_h": None if found is None else asdict(found),
            "slope_mib_per_simulated_h": None if found is None else round(found.value / wish.speed, 3),
            "slope_without_record_and_feeds_mib_per_real_h": None if rest is None else asdict(rest),
            "samples": [[round(at_s - longest.began_s), round(mib, 2)] for at_s, mib in longest.memory],
        },
        "open_files": outcome.files,
        "load": None if outcome.load is None else asdict(outcome.load),
    }


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(outcome: Outcome) -> list[str]:
    form = "{:<30} {:>6} {:>6} {:>10} {:>10} {:>9} {:>9}"
    lines = [form.format("fault", "times", "told", "not on", "shown, not", "recovery", "recovery")]
    lines.append(form.format("", "", "", "record", "on record", "p50 s", "max s"))
    for line in fault_lines(outcome.chronicle.troubles):
        took = (_seconds(line.recovery_p50_s), _seconds(line.recovery_max_s))
        lines.append(form.format(line.kind, line.count, line.told, line.lost, line.unkept, *took))
    return lines


def _figures(outcome: Outcome) -> list[str]:
    totals, crowd = outcome.totals, outcome.crowd
    events = [alarm.is_level for alarm in outcome.alarms.values()]
    kills = len(outcome.chronicle.killed_s)
    lines = [
        f"readings    {totals.made} made by the meters, {totals.published} shown, {totals.recorded} on record",
        (
            f"            {totals.phantoms} on record that no meter made, "
            f"{totals.lost_unexplained} lost without a fault, "
            f"{totals.unkept_unexplained} shown and not kept without a kill"
        ),
        f"kill -9     {kills} times; a reading shown up to {totals.most_unkept_s:.2f} s before is not on record",
        (
            f"alerts      {len(outcome.chronicle.louds)} loud phases, {sum(events)} events; "
            f"{len(events) - sum(events)} times a meter was told to be lost"
        ),
        (
            f"manners     {outcome.commands} commands, {outcome.too_soon} too soon, "
            f"at most {outcome.most_open} connections to a meter"
        ),
    ]
    if crowd is not None:
        lines.append(
            f"viewers     {crowd.visits} visits, {crowd.returns} came back, {totals.visits_checked} compared, "
            f"{crowd.skipped} frames announced as skipped"
        )
    return lines


def _memory(outcome: Outcome) -> list[str]:
    sampler, found = outcome.sampler, slope(outcome)
    if sampler is None or not sampler.longest.memory:
        return []
    life = sampler.longest
    lines = [f"memory      {life.memory[0][1]:.1f} MiB to {life.memory[-1][1]:.1f} MiB in {life.lasts_s / 60:.1f} min"]
    if found is not None:
        speed = outcome.wish.speed
        lines.append(
            f"            {found.value:+.2f} MiB/h of real time ({found.low:+.2f} to {found.high:+.2f}), "
            f"{found.value / speed:+.3f} MiB/h of simulated time, after {warm_up_s(outcome):.0f} s of warm-up"
        )
        rest = life.slope_of_rest_mib_h(warm_up_s(outcome))
        if rest is not None:
            lines.append(
                f"            {rest.value:+.2f} MiB/h of real time ({rest.low:+.2f} to {rest.high:+.2f}) "
                "without what the record's database and the feeds hold"
            )
        if life.lasts_s < TELLING_LIFE_S:
            lines.append("            (a life of less than half an hour tells little about growth)")
    if outcome.files is not None:
        lines.append(f"open files  {outcome.files[0]} at the begin of the last life, {outcome.files[1]} at rest")
    if outcome.load is not None:
        lag = outcome.load.hub_lag_p99_s
        lines.append(f"hub lag     p99 {'–' if lag is None else f'≤ {lag * 1000:g} ms'} in the last life")
    return lines


def as_text(outcome: Outcome) -> str:
    """For people."""
    wish = outcome.wish
    took_s = (outcome.ended_s or outcome.began_s) - outcome.began_s
    state = "" if outcome.is_whole else " (not finished)"
    lines = [
        (
            f"{wish.meters} meters, {wish.viewers} viewers, {took_s / 60:.1f} min at {wish.speed:g} times the speed "
            f"= {took_s * wish.speed / 60:.0f} simulated min, seed {wish.seed}{state}"
        ),
        "",
        *_table(outcome),
        "",
        *_figures(outcome),
        *_memory(outcome),
    ]
    for count in outcome.counts:
        verdict = "agree" if count.is_equal else "DISAGREE"
        lines.append(f"counters    {count.what}: {count.service:g} and {count.others:g}, {verdict}")
    complaints = outcome.all_complaints
    lines += ["", f"{len(complaints)} complaints" if complaints else "no complaint"]
    lines += [f"  {sentence}" for sentence in complaints[:SHOWN_COMPLAINTS]]
    return "\n".join(lines)
