"""Reports of a day, a week or a month, as a page or as PDF."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, ConfigDict, Field

from slmm.acoustics.civil import local_date
from slmm.errors import Invalid
from slmm.events import Labels
from slmm.record.history import History, Keeping
from slmm.report import reach
from slmm.report.gather import Wanted
from slmm.report.making import Reports
from slmm.report.page import policy
from slmm.report.press import Press
from slmm.report.reach import Reach
from slmm.storage.devices import Device
from slmm.web import context
from slmm.web.api.fields import Text
from slmm.web.api.models import UnitPath
from slmm.web.api.record_models import MOST_ID
from slmm.web.openapi import UNIT_PROBLEMS, WHAT_WAS, Api
from slmm.web.words import language

api = Api("reports", "A day, a week or a month on paper", group=WHAT_WAS)

PRESS = "slmm.press"
HTML, PDF = "text/html", "application/pdf"

PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""A browser shows a PDF with a viewer of its own, which stands in a page as an object with a style."""

Span = Annotated[Text, Field(min_length=1, max_length=16)]


class ReportQuery(BaseModel):
    """Which report."""

    model_config = ConfigDict(extra="forbid")

    day: Span | None = Field(None, description="A local date such as 2026-11-20; today if nothing is said")
    week: Span | None = Field(None, description="An ISO week such as 2026-W47")
    month: Span | None = Field(None, description="Such as 2026-11")
    format: Literal["html", "pdf"] = "html"
    limit: Annotated[int, Field(ge=0, le=MOST_ID)] | None = Field(
        None, description="The number of one limit; all that are switched on if left out"
    )
    lang: Literal["en", "de"] | None = Field(None, description="Language; that of the reader's pages if left out")


def register(app: Flask) -> None:
    """Give the application the thread in which reports are set."""
    app.extensions[PRESS] = Press()


def _place(device: Device) -> str:
    """Its name and its site, as far as it has them."""
    return ", ".join(filter(None, (device.name, device.site)))


def _reach(query: ReportQuery, zone: str) -> Reach:
    """The span that was asked for; raises Invalid."""
    given = {kind: text for kind in (reach.DAY, reach.WEEK, reach.MONTH) if (text := getattr(query, kind)) is not None}
    if len(given) > 1:
        raise Invalid(f"{' and '.join(given)} are both given; one of day, week and month is allowed", next(iter(given)))
    if not given:
        return reach.around(local_date(datetime.now(UTC), zone), reach.DAY, zone)
    kind, text = next(iter(given.items()))
    return {reach.DAY: reach.of_day, reach.WEEK: reach.of_week, reach.MONTH: reach.of_month}[kind](text, zone)


@api.route_for("get", "/<unit_id>/report", needs="viewer", answer=f"{HTML}, {PDF}", problems=(*UNIT_PROBLEMS, 500, 501))
def report(path: UnitPath, query: ReportQuery) -> Response:
    """A day, an ISO week or a month of a unit on one page, to be read, printed and signed; also of a removed unit.

    Levels with coverage, limits and what exceeded them, what was excluded by whom and why and both results,
    calibrations with drift, method and versions. The same data give the same bytes.
    """
    running, unit_id = context.runtime(), context.checked_unit_id(path.unit_id)
    is_on_roster = unit_id in running.roster
    if not is_on_roster and running.record.store.known_unit(unit_id) is None:
        context.device(unit_id)
    keeping = Keeping(running.settings.record_frames_days, running.settings.record_minutes_days)
    history = History(running.record.store, running.record.partitions, running.zone_of, keeping)
    wanted = Wanted(
        unit_id,
        _reach(query, history.zone(unit_id)),
        query.limit,
        place=_place(running.roster.get(unit_id)) if is_on_roster else "",
        language=query.lang or language(),
        is_language_asked=query.lang is not None,
    )
    labels = running.board.status(unit_id).labels if is_on_roster else Labels()
    reports = Reports(running.database, history, current_app.extensions[PRESS])
    is_pdf = query.format == "pdf"
    content = reports.pdf(wanted, labels) if is_pdf else reports.html(wanted, labels)
    response = Response(content, content_type=PDF if is_pdf else f"{HTML}; charset=utf-8")
    name = f"{unit_id}_{wanted.reach.name}.{query.format}"
    response.headers.set("Content-Disposition", "inline", filename=name)
    response.headers["Content-Security-Policy"] = PDF_POLICY if is_pdf else policy()
    response.headers["Cache-Control"] = "no-cache"
    response.vary.update(("Accept-Language", "Cookie"))
    response.set_etag(hashlib.sha256(content).hexdigest())
    response.make_conditional(request)
    return response
