"""``slmm verify``: is what is stored as it was stored; if not, which byte is the first that changed."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import create_engine

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.client import Answer, Service, ServiceError, address_options, default_url
from slmm.cli.output import console, leave, plain, say, show_json, show_marked
from slmm.errors import DiskTrouble, Invalid, SlmmError
from slmm.record.chain import readonly, verification
from slmm.record.chain.evidence import SOON_SEALED_S, check_minutes
from slmm.record.chain.seals import Chain, Standing
from slmm.record.chain.verification import Finding, Report, Verdict, What
from slmm.record.office import FILE, LEVELS
from slmm.record.partitions import Partitions
from slmm.record.rollup import Rollup
from slmm.settings import Settings
from slmm.storage.database import Database, engine_options

UNCHANGED, CHANGED, CANNOT_CHECK = 0, 1, 2
CODES = {Verdict.UNCHANGED: UNCHANGED, Verdict.CHANGED: CHANGED, Verdict.UNCHECKED: CANNOT_CHECK}
ANSWER_WITHIN_S = 600.0
_LEAST_HEAD, _LINK = 16, 64


class Head(click.ParamType[str]):
    """A hash noted earlier, or enough of its beginning."""

    name = "hash"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """In lower case."""
        head = value.strip().lower()
        if not _LEAST_HEAD <= len(head) <= _LINK or set(head) - set("0123456789abcdef"):
            self.fail(f"{value!r}: {_LEAST_HEAD} to {_LINK} hexadecimal digits of a head noted earlier", param, ctx)
        return head


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Else that of the settings.")
@click.option("--head", "heads", type=Head(), multiple=True, help="A head noted earlier: it has to be a link still.")
@click.option("--all", "every_hour", is_flag=True, help="Also the minutes that are in sealed files by now.")
@address_options
def verify(
    data_dir: Path | None, heads: tuple[str, ...], every_hour: bool, url: str | None, token: str | None, as_json: bool
) -> None:
    """Hold all that is stored against the chain of evidence: 0 unchanged, 1 changed, 2 cannot be checked."""
    try:
        settings = settings_module.load(data_dir=data_dir) if data_dir else settings_module.load()
        with _database(settings) as database, _progress(is_shown=not as_json) as progress:
            report = _look(
                settings, Chain(database), heads, progress, every_hour, lambda: _service(settings, url, token)
            )
    except (SlmmError, OSError) as error:
        show_json({"verdict": "unchecked", "unchecked": [str(error)]}) if as_json else say(f"slmm: {error}", err=True)
        leave(CANNOT_CHECK)
    show_json(report.as_json()) if as_json else _tell(report, settings)
    leave(CODES[report.verdict])


def _service(settings: Settings, url: str | None, token: str | None) -> Service:
    return Service(url or default_url(settings), token)


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database of the settings; one of SQLite is opened so that nothing in it can change."""
    file = store.sqlite_file(settings)
    url = settings.sqlalchemy_url
    if file is not None:
        if not file.is_file():
            raise Invalid(f"there is no database at {file}")
        # Where nobody may write, the helpers that WAL asks for cannot be made; a log that is there has to be read.
        is_frozen = not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()
        frozen = "&immutable=1" if is_frozen else ""
        url = f"sqlite:///file:{quote(str(file.resolve()))}?mode=ro&uri=true{frozen}"
    with store.told(settings):
        database = Database(create_engine(url, **engine_options(url)))
        try:
            yield database
        finally:
            database.close()


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[verification.Progress]:
    """A bar on a terminal, and nothing elsewhere."""
    screen = console(stderr=True)
    if not is_shown or not screen.is_terminal:
        yield verification.quiet
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("reading the chain", total=None)

        def show(done: int, total: int, subject: str) -> None:
            bar.update(task, completed=done, total=total, description=plain(subject)[-60:])

        yield show


def _look(
    settings: Settings,
    chain: Chain,
    heads: tuple[str, ...],
    progress: verification.Progress,
    every_hour: bool,
    service: Callable[[], Service],
) -> Report:
    data_dir = settings.data_dir
    is_held = store.holder(data_dir) is not None
    standing, report = verification.begin_report(chain, heads)
    verification.check_files(data_dir, standing, chain, report, _here, progress)
    before_s = time.time() - SOON_SEALED_S if is_held else math.inf
    report.findings += verification.check_unsealed(data_dir, standing, report.findings, before_s)
    if is_held:
        _ask(service, report, every_hour)
        if report.findings:
            verification.drop_outdated(report, chain.standing(with_blocks=False))
    else:
        _minutes_of_file(settings, chain, standing, report, progress, every_hour)
    return report


def _here(slow: Callable[..., Any], *args: Any) -> Any:
    """Nobody else waits in this process."""
    return slow(*args)


def _ask(service: Callable[[], Service], report: Report, every_hour: bool) -> None:
    """The service holds the historian's file, and only it can read the minutes."""
    body = {"heads": [report.head] if report.links else [], "files": False, "every_hour": every_hour}
    try:
        asked = service()
        answer = asked.call("POST", "/_evidence/verify", json=body, within_s=ANSWER_WITHIN_S)
        found = answer.rows("findings")
    except ServiceError as error:
        report.unchecked.append(f"the minutes, which the running service holds: {error}")
        return
    if any(each["what"] == What.HEAD for each in found):
        report.unchecked.append(
            f"the minutes: the service at {asked.url} has another chain; name its address with --url"
        )
        return
    report.hours = answer["hours"]
    report.unchecked += [str(each) for each in answer["unchecked"]]
    told = {each.text for each in report.findings}
    report.findings += [_finding(each) for each in found if each["what"] == What.MINUTES and each["text"] not in told]


def _finding(answer: Answer) -> Finding:
    return Finding(What.MINUTES, str(answer["subject"]), str(answer["text"]), answer["link"])


def _minutes_of_file(
    settings: Settings,
    chain: Chain,
    standing: Standing,
    report: Report,
    progress: verification.Progress,
    every_hour: bool,
) -> None:
    folder = settings.data_dir / "record"
    if not (folder / FILE).is_file():
        if standing.hours:
            text = f"record/{FILE}: missing, and with it the minutes that were in no file yet"
            report.findings.append(Finding(What.MISSING, f"record/{FILE}", text))
        return
    try:
        minutes = readonly.opened(folder / FILE)
        try:
            rollup = Rollup(minutes, Partitions(minutes, folder / LEVELS), lambda unit_id: ZoneInfo("UTC"))
            check_minutes(chain, standing, report, (minutes, rollup), progress, every=every_hour)
        finally:
            minutes.close()
    except DiskTrouble as error:
        report.unchecked.append(f"the minutes: {error}")


def _tell(report: Report, settings: Settings) -> None:
    for finding in report.findings:
        sealed = (
            f" (sealed {finding.sealed_at:%Y-%m-%d %H:%M:%S} UTC, link {finding.number})" if finding.sealed_at else ""
        )
        show_marked("changed", "red", finding.text + sealed)
    for sentence in report.unchecked:
        show_marked("unknown", "yellow", f"not checked: {sentence}")
    hours = f", and the minutes of {report.hours} hours," if report.hours else ""
    of_all = f"{report.files} files with {report.size_bytes} bytes{hours}"
    if report.verdict is Verdict.UNCHANGED:
        show_marked("ok", "green", f"{of_all} in {settings.data_dir} are as they were sealed")
    else:
        show_marked(str(report.verdict), "bold", f"{of_all} in {settings.data_dir} were looked at")
    if report.links:
        show_marked("head", "bold", f"{report.head} (link {report.head_number})")
        show_marked("", "", "note it where nobody can change it; later: slmm verify --head and that hash")
