"""Settings templates, their way to a meter, and how far a meter has drifted from its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from slmm.errors import Invalid
from slmm.fleet import templates
from slmm.fleet.applying import apply_settings
from slmm.fleet.operations import Operation
from slmm.fleet.templates import CHOICES, SETTABLE, Template
from slmm.storage.models import RunRow, SettingsTemplateRow
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.api.alerts import acting_as
from slmm.web.api.meter_models import OperationAnswer, WaitQuery
from slmm.web.api.models import Ok, UnitPath
from slmm.web.api.operations import run
from slmm.web.api.template_models import (
    AppliedAnswer,
    ApplyInput,
    DriftAnswer,
    SettingsTemplateAnswer,
    SettingsTemplatesAnswer,
    TemplateInput,
)
from slmm.web.openapi import DEVICE_PROBLEMS, UNIT_PROBLEMS, Api

api = Api("settings-templates", "Named sets of meter settings, and drift from what is expected")

APPLIED_WITHIN_S = 600.0
RUNS_LOOKED_AT = 200


class SavedPath(BaseModel):
    """One that was kept."""

    template_id: Annotated[int, Field(ge=1, le=2**31 - 1)]


def _shipped_view(template: Template) -> dict[str, Any]:
    return {
        "id": template.template_id,
        "origin": "shipped",
        "name": template.name,
        "note": template.note,
        "settings": dict(template.settings),
        "made_by": None,
        "made_at": None,
    }


def _saved_view(row: SettingsTemplateRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "origin": "saved",
        "name": row.name,
        "note": row.note,
        "settings": dict(row.settings),
        "made_by": row.made_by,
        "made_at": timestamp(row.made_at),
    }


@api.route_for("get", "/_settings/templates", needs="viewer", answer=SettingsTemplatesAnswer, problems=())
def list_templates() -> dict[str, Any]:
    """Sets of meter settings: those that come with the program, and those that were kept."""
    saved = context.runtime().settings_templates.all()
    settable = [
        {"member": member, "name": name, "choices": list(CHOICES.get(member, ()))} for member, name in SETTABLE.items()
    ]
    views = [*(_shipped_view(each) for each in templates.shipped()), *(_saved_view(each) for each in saved)]
    return {"status": "ok", "templates": views, "settable": settable}


@api.route_for(
    "post", "/_settings/templates", needs="operator", answer=SettingsTemplateAnswer, problems=(409, *UNIT_PROBLEMS)
)
def keep_template(body: TemplateInput) -> dict[str, Any]:
    """Keep a set of meter settings under a name."""
    name = body.name.strip()
    if not name:
        raise Invalid("name is blank: give a few words", field="name")
    if any(name.casefold() == each.name.casefold() for each in templates.shipped()):
        raise Invalid(f"name {name!r} is that of a template that comes with the program", field="name")
    row = context.runtime().settings_templates.add(name, body.note, templates.check(body.settings), acting_as())
    return {"status": "ok", "message": f"template {row.name!r} is kept", "template": _saved_view(row)}


@api.route_for("delete", "/_settings/templates/<int:template_id>", needs="operator", answer=Ok, problems=UNIT_PROBLEMS)
def forget_template(path: SavedPath) -> dict[str, Any]:
    """Forget one that was kept; meters that have its settings keep them."""
    context.runtime().settings_templates.remove(path.template_id)
    return {"status": "ok", "message": "the template is gone; no meter was changed"}


@api.route_for(
    "post",
    "/<unit_id>/settings/apply",
    needs="operator",
    answer=AppliedAnswer,
    accepted=OperationAnswer,
    problems=DEVICE_PROBLEMS,
)
def apply(path: UnitPath, query: WaitQuery, body: ApplyInput) -> Any:
    """Bring settings to the meter one by one, each read back; what fails is named and does not undo the others."""
    unit_id = path.unit_id
    runtime = context.runtime()
    wanted = templates.check(body.settings)

    def work(operation: Operation) -> dict[str, Any]:
        try:
            return {"unit_id": unit_id, **apply_settings(context.asker(unit_id, runtime), operation, wanted)}
        finally:
            runtime.fleet.settings_changed(unit_id)

    return run(unit_id, "apply-settings", work, wait=query.wait, timeout_s=APPLIED_WITHIN_S, with_steps=True)


@api.route_for("get", "/<unit_id>/settings/drift", needs="viewer", answer=DriftAnswer, problems=UNIT_PROBLEMS)
def drift(path: UnitPath) -> dict[str, Any]:
    """How far the meter's settings are from its fingerprint, as far as is known without asking it."""
    unit_id = context.device(path.unit_id).unit_id
    runtime = context.runtime()
    fingerprint = runtime.fingerprints.get(unit_id)
    runs = runtime.runs.book.find(unit_id, limit=RUNS_LOOKED_AT)
    known = _known(unit_id, runs)
    changed = fingerprint.changes(known) if fingerprint else {}
    items = []
    for member, (expected, now) in changed.items():
        since, right = _history(runs, member, str(expected), str(now))
        items.append(
            {
                "member": member,
                "name": SETTABLE.get(member, member),
                "expected": expected,
                "now": now,
                "since": timestamp_or_none(since.started_at if since else None),
                "right_at": timestamp_or_none(right.started_at if right else None),
            }
        )
    return {
        "status": "ok",
        "unit_id": unit_id,
        "fingerprint_taken_at": timestamp(fingerprint.taken_at) if fingerprint else None,
        "expected": {member: fingerprint.settings[member] for member in SETTABLE if member in fingerprint.settings}
        if fingerprint
        else {},
        "known": known,
        "drift": items,
    }


def _known(unit_id: str, runs: list[RunRow]) -> dict[str, str]:
    """What the meter said of its settings last: those of the newest run, then the labels of its display."""
    found = {str(member): str(value) for member, value in (runs[0].settings or {}).items()} if runs else {}
    labels = context.runtime().board.status(unit_id).labels
    for member in ("frequency_weighting", "time_weighting"):
        if value := getattr(labels, member):
            found[member] = value
    found |= {f"percentile_{number}": value for number, value in enumerate(labels.percentiles, 1) if value}
    return {member: value for member, value in found.items() if member in SETTABLE}


def _history(runs: list[RunRow], member: str, expected: str, now: str) -> tuple[RunRow | None, RunRow | None]:
    """The first of the runs made with the present value, and the last before it that was made as expected."""
    since = None
    for each in runs:
        settings: Mapping[str, Any] = each.settings or {}
        value = settings.get(member)
        if value is None:
            continue
        if templates.is_same(str(value), now):
            since = each
        elif templates.is_same(str(value), expected):
            return since, each
        else:
            break
    return since, None
