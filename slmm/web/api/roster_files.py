"""Roster as a whole: trying a meter before it is taken on, and the roster as a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from flask import Response, stream_with_context

from slmm.fleet.probe import Step, Target
from slmm.web import context
from slmm.web.api import roster_csv
from slmm.web.api.probe_words import advice, sentence, title
from slmm.web.api.roster_models import ImportAnswer, ImportQuery, ProbeInput, RosterFile
from slmm.web.openapi import PLAIN_PROBLEMS, Api

api = Api("roster", "Roster as a whole: trying a meter, and the roster as a file")

LINES = "application/x-ndjson"


def _line(step: Step) -> str:
    view = {
        "step": step.name,
        "title": title(step.name),
        "state": step.state,
        "code": step.code,
        "sentence": sentence(step),
        "advice": advice(step),
        "found": step.found,
    }
    return json.dumps(view) + "\n"


def _lines(steps: Iterable[Step]) -> Iterator[str]:
    """Each step as it happens, and in the end how the whole went."""
    worst = "ok"
    order = ("ok", "warning", "failed")
    found: dict[str, Any] = {}
    for step in steps:
        if step.state in order:
            worst = max(worst, step.state, key=order.index)
            found |= step.found
        yield _line(step)
    yield json.dumps({"step": "end", "state": worst, "found": found}) + "\n"


@api.route_for("post", "/_roster/probe", needs="operator", answer=LINES, problems=(*PLAIN_PROBLEMS, 503))
def probe_meter(body: ProbeInput) -> Any:
    """Try a meter that is not on the roster, and tell each step as it happens.

    A line of JSON for each step when it begins (state running) and when it ends (ok, warning or failed), in the
    language of the caller; the last has step end. It takes 40 s at most, changes nothing, and lets go of the meter.
    """
    steps = context.runtime().prober.begin(Target(**body.model_dump()))
    first = next(steps)  # from here on its end is cared for, whoever goes
    lines = stream_with_context(_lines(chain([first], steps)))
    return Response(lines, mimetype=LINES, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


@api.route_for("get", "/_roster/file", needs="operator", answer="text/csv", problems=())
def roster_file() -> Any:
    """The roster as CSV, without passwords; the import takes it back."""
    text = roster_csv.written(context.runtime().roster.all())
    headers = {"Content-Disposition": 'attachment; filename="roster.csv"', "Cache-Control": "no-store"}
    return Response(text, content_type="text/csv; charset=utf-8", headers=headers)


@api.route_for("post", "/_roster/import", needs="operator", answer=ImportAnswer, problems=PLAIN_PROBLEMS)
def import_roster(query: ImportQuery, body: RosterFile) -> dict[str, Any]:
    """Take meters on and change them by a CSV file, line by line: what is sound is done, the rest is told.

    Columns are members of a unit's configuration, unit_id and host at least; commas or semicolons. A column left out
    changes nothing; an empty name, site, position or zone takes it away; any other empty cell changes nothing.
    """
    roster = context.runtime().roster
    lines = roster_csv.read(body.text, roster)
    if not query.dry_run:
        for line in lines:
            if line.device is not None and line.verdict in ("new", "changed"):
                roster.put(line.device)
    counts = {verdict: sum(line.verdict == verdict for line in lines) for verdict in roster_csv.VERDICTS}
    return {
        "status": "ok",
        "message": None,
        "dry_run": query.dry_run,
        "added": counts["new"],
        "changed": counts["changed"],
        "same": counts["same"],
        "refused": counts["refused"],
        "lines": [line.view() for line in lines],
    }
