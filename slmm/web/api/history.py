"""What was: the trail, levels at any step, figures of periods, exceedances, allowance, exports."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, current_app

from slmm.acoustics.civil import local_date
from slmm.acoustics.intervals import Span
from slmm.acoustics.periods import Period
from slmm.errors import Invalid, NotAllowed
from slmm.events import Labels
from slmm.record.exports import export as exports
from slmm.record.exports import sheets
from slmm.record.exports.sheets import Workshop
from slmm.record.exports.tables import Style, Table
from slmm.record.history import History, Keeping, Question, parse_metrics, parse_step
from slmm.record.summary import ALL_PARTS, MOST_COMPARED, WHOLE_DAY, Comparator, Summaries, Threshold
from slmm.storage.history import trail
from slmm.storage.parcels import stream_file
from slmm.storage.remarks import RemarkBook
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import Role, caller
from slmm.web.api import history_views as views
from slmm.web.api.history_models import (
    AllowanceAnswer,
    AllowanceQuery,
    ExceedancesAnswer,
    ExceedancesQuery,
    ExportQuery,
    FromUntilQuery,
    LevelsQuery,
    PeriodsAnswer,
    SummaryQuery,
    TrailOrLevels,
)
from slmm.web.api.models import UnitPath
from slmm.web.limits import check_export
from slmm.web.openapi import UNIT_PROBLEMS, WHAT_WAS, Api

api = Api("history", "What was: levels at any step, figures of periods, exports", group=WHAT_WAS)

LEAST_HOURS, MOST_HOURS, USUAL_HOURS = 0.1, 48.0, 2.0
LEAST_SHARED_STEP_S = 60
"""A second of sound tells who came and went; a share link is about noise."""
USUAL_METRICS = "laeq,lmax,lmin"
EXPORTS = "slmm.exports"
TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
_PROBLEMS = (*UNIT_PROBLEMS, 500)

Pieces = Generator[bytes, None, None]


def register(app: Flask) -> None:
    """Give the application the place where export files are made."""
    app.extensions[EXPORTS] = Workshop(app.extensions["slmm"].settings.data_dir / "exports")


def _history() -> History:
    running = context.runtime()
    keeping = Keeping(running.settings.record_frames_days, running.settings.record_minutes_days)
    return History(running.record.store, running.record.partitions, running.zone_of, keeping)


def _summaries(history: History) -> Summaries:
    return Summaries(history, RemarkBook(context.runtime().database).exclusions)


def _labels(unit_id: str) -> Labels:
    return context.runtime().board.status(unit_id).labels


def _span(query: FromUntilQuery, now: datetime) -> tuple[datetime, datetime]:
    """What was asked for; raises Invalid without a begin."""
    if query.from_at is None:
        raise Invalid("from is missing: the begin of the span, such as 2027-01-31T00:00:00Z", field="from")
    return query.from_at, now if query.until is None else query.until


@api.route_for("get", "/<unit_id>/history", needs="guest", answer=TrailOrLevels, problems=_PROBLEMS)
def read_history(path: UnitPath, query: LevelsQuery) -> Any:
    """The trail of the last hours; with from levels at any step.

    Periods are aligned with the local clock of the unit and labelled by their end. What is longer than the step is
    brought together as the quantity needs: LAeq as energy, LN from added counts, Lmax and Lmin as extremes.
    """
    unit_id = context.device(path.unit_id).unit_id
    if query.from_at is None:
        for name, given in (("until", query.until), ("step", query.step), ("metrics", query.metrics)):
            if given is not None:
                raise Invalid(f"from is missing: {name} goes with it", field="from")
        return _trail(unit_id, USUAL_HOURS if query.hours is None else query.hours)
    if query.hours is not None:
        raise Invalid("hours: either hours or from is allowed", field="hours")
    history = _history()
    from_at, until = _span(query, history.now())
    question = Question(
        unit_id, from_at, until, _step_for_caller(query.step), parse_metrics(query.metrics or USUAL_METRICS)
    )
    points = history.ask(question)
    labels, zone = _labels(unit_id), history.zone(unit_id)
    return history.store.in_pool(views.levels_view, question, points, labels, zone, history.now())


def _step_for_caller(text: str | None) -> int | None:
    """What was asked for; a share link shows no more detail than minutes. Raises Invalid or NotAllowed."""
    step_s = parse_step(text or "auto")
    if caller().role is not Role.GUEST:
        return step_s
    if step_s is None or step_s < LEAST_SHARED_STEP_S:
        raise NotAllowed(f"step: with a share link 1min or longer is allowed, not {text or 'auto'}")
    return step_s


def _trail(unit_id: str, wanted_hours: float) -> dict[str, Any]:
    hours = min(max(wanted_hours, LEAST_HOURS), MOST_HOURS)
    since = datetime.now(UTC) - timedelta(hours=hours)
    rows = context.runtime().database.read(lambda session: trail(session, unit_id, since))
    readings = [{**row, "timestamp": timestamp(row["timestamp"])} for row in rows]
    return {"status": "ok", "unit_id": unit_id, "hours": hours, "count": len(readings), "readings": readings}


@api.route_for("get", "/<unit_id>/summary", needs="guest", answer=PeriodsAnswer, problems=_PROBLEMS)
def read_summary(path: UnitPath, query: SummaryQuery) -> dict[str, Any]:
    """Figures of named periods: day, evening, night, whole days, hours.

    A night belongs to the date on which it starts. What people excluded is left out; as_recorded is the result with it.
    """
    unit_id = context.device(path.unit_id).unit_id
    history = _history()
    summaries, zone = _summaries(history), history.zone(unit_id)
    if query.date is not None and (query.from_at or query.until):
        raise Invalid("date: either date or from and until is allowed", field="date")
    if query.from_at or query.until:
        from_at, until = _span(query, history.now())
    else:
        from_at, until = summaries.day(unit_id, query.period, query.date or local_date(history.now(), zone))
    periods = summaries.periods(unit_id, query.period, from_at, until)
    found = summaries.of(unit_id, periods)
    has_ratings = query.period in (WHOLE_DAY, "1d", ALL_PARTS)
    days = list(dict.fromkeys(period.date for period in periods)) if has_ratings else []
    excluded = _exclusions(unit_id, periods)
    answer = history.store.in_pool(
        views.summary_view,
        found,
        summaries.ratings(unit_id, days),
        query.least_coverage,
        _labels(unit_id),
        history.now(),
    )
    return {
        "status": "ok",
        "unit_id": unit_id,
        "zone": zone,
        "period": query.period,
        "count": len(found),
        **answer,
        "exclusions": excluded,
    }


def _exclusions(unit_id: str, periods: list[Period]) -> list[dict[str, Any]]:
    """What was taken out; guests are not told who wrote what."""
    if not periods:
        return []
    book = RemarkBook(context.runtime().database)
    found = book.exclusions(unit_id, periods[0].span.starts_at, periods[-1].span.ends_at)
    is_guest = caller().role is Role.GUEST
    return [
        {
            "starts_at": timestamp(each.starts_at),
            "ends_at": timestamp(each.ends_at),
            "reason": each.reason,
            **({} if is_guest else {"who": each.who, "text": each.text}),
        }
        for each in found
    ]


@api.route_for("get", "/<unit_id>/exceedances", needs="guest", answer=ExceedancesAnswer, problems=_PROBLEMS)
def read_exceedances(path: UnitPath, query: ExceedancesQuery) -> dict[str, Any]:
    """When a level was exceeded, as runs of consecutive periods; the rounded value is compared."""
    unit_id = context.device(path.unit_id).unit_id
    history = _history()
    from_at, until = _span(query, history.now())
    step_s, metric = _step_for_caller(query.step), views.period_metric(query.metric)
    if step_s is None:
        raise Invalid("step: auto is not possible here; a length such as 1min or 15min is", field="step")
    question = Question(unit_id, from_at, until, step_s, (metric,), most_points=MOST_COMPARED)
    _, spans = history.plan(question)
    spans = [span for span in spans if span.ends_at <= history.now()]
    threshold = Threshold(metric, query.level, Comparator(query.comparator), query.least_coverage)
    found = _summaries(history).exceedances(unit_id, spans, threshold)
    return {
        "status": "ok",
        "unit_id": unit_id,
        "zone": history.zone(unit_id),
        **views.exceedances_view(found, threshold, step_s, _labels(unit_id)),
    }


@api.route_for("get", "/<unit_id>/allowance", needs="guest", answer=AllowanceAnswer, problems=_PROBLEMS)
def read_allowance(path: UnitPath, query: AllowanceQuery) -> dict[str, Any]:
    """What a limit for the LAeq of a period still allows: used, level for the rest, when it is gone."""
    unit_id = context.device(path.unit_id).unit_id
    history = _history()
    summaries = _summaries(history)
    span = _allowed_span(unit_id, query, summaries, history.now())
    found, as_of = summaries.allowance(unit_id, query.limit_db, span, residual_db=query.residual_db)
    return {
        "status": "ok",
        "unit_id": unit_id,
        "zone": history.zone(unit_id),
        **views.allowance_view(found, span, as_of),
    }


def _allowed_span(unit_id: str, query: AllowanceQuery, summaries: Summaries, now: datetime) -> Span:
    """From–until, or the last period of the kind that has begun."""
    given = [name for name in ("period", "period_s", "from_at") if getattr(query, name) is not None]
    if len(given) != 1:
        raise Invalid("period: one of period, period_s, or from and until is needed", field="period")
    if query.from_at is not None:
        if query.until is None or query.until <= query.from_at:
            raise Invalid("until: the end of the period is needed, after from", field="until")
        return Span(query.from_at, query.until)
    period = query.period or f"{query.period_s}s"
    if period == ALL_PARTS:
        raise Invalid("period: one of day, evening and night is needed, not all of them", field="period")
    since = now - timedelta(days=2)
    begun = [each.span for each in summaries.periods(unit_id, period, since, now) if each.span.starts_at <= now]
    return begun[-1]


@api.route_for("get", "/<unit_id>/export", needs="viewer", answer=", ".join(TYPES.values()), problems=(*_PROBLEMS, 507))
def export(path: UnitPath, query: ExportQuery) -> Response:
    """Frames, minutes, hours, days or a summary as CSV, XLSX or Parquet, with units and conventions inside."""
    unit_id = context.device(path.unit_id).unit_id
    history = _history()
    from_at, until = _span(query, history.now())
    metrics = views.split(query.metrics)
    order = exports.Order(unit_id, query.what, from_at, until, metrics, query.period)
    excluded = RemarkBook(context.runtime().database).exclusions

    def spans() -> list[Span]:
        return [Span(each.starts_at, each.ends_at) for each in excluded(unit_id, from_at, until)]

    table = exports.table_of(order, history, _summaries(history), _labels(unit_id), spans)
    check_export(history.store.read(table.most_rows))
    pieces = _pieces(table, query, history)
    first = next(pieces)  # what goes wrong at once is told as a problem, and not by breaking off
    response = Response(_with(first, pieces), mimetype=TYPES[query.format])  # with its charset if it is text
    name = f"{unit_id}_{query.what}_{from_at:%Y%m%dT%H%M%SZ}_{until:%Y%m%dT%H%M%SZ}.{query.format}"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(pieces.close)  # also when nobody has read any of it, as after HEAD
    return response


def _with(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _pieces(table: Table, query: ExportQuery, history: History) -> Pieces:
    if query.format == "csv":
        return exports.csv_pieces(table, history.store, Style.of(query.decimal))
    return _file_pieces(table, query.format, history)


def _file_pieces(table: Table, form: str, history: History) -> Pieces:
    workshop: Workshop = current_app.extensions[EXPORTS]
    write = sheets.write_xlsx if form == "xlsx" else sheets.write_parquet
    with workshop.place(f".{form}") as path:
        write(table, history.store, workshop, path)
        yield from stream_file(path, workshop.run)
