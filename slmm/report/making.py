"""From a wish to the bytes of a report: gathered, put into words, and set as a page or on paper."""

from __future__ import annotations

import importlib.util

from slmm.errors import NotInstalled
from slmm.events import Labels
from slmm.record.history import History
from slmm.report.content import sheet_of
from slmm.report.document import Report
from slmm.report.gather import Gatherer, Wanted
from slmm.report.page import Link, html_of
from slmm.report.press import Press
from slmm.report.reach import DAY, MONTH, WEEK, around
from slmm.report.words import Words
from slmm.storage.database import Database


class Reports:
    """Makes reports of one record."""

    def __init__(self, database: Database, history: History, press: Press) -> None:
        self._gatherer = Gatherer(database, history, press)
        self._press = press

    def html(self, wanted: Wanted, labels: Labels) -> bytes:
        """As a page, with the way to its neighbours; raises Invalid, NotFound and DiskTrouble."""
        report = self._gatherer.gather(wanted, labels)
        return self._press.run(_html, report, wanted)

    def pdf(self, wanted: Wanted, labels: Labels) -> bytes:
        """As PDF; raises NotInstalled without reportlab, besides Invalid, NotFound and DiskTrouble."""
        if importlib.util.find_spec("reportlab") is None:
            raise NotInstalled("PDF needs reportlab, which is not installed: pip install slmm[pdf]; HTML needs nothing")
        report = self._gatherer.gather(wanted, labels)
        return self._press.run(_pdf, report, wanted.language)


def _html(report: Report, wanted: Wanted) -> bytes:
    return html_of(sheet_of(report, wanted.language), links_of(report, wanted))


def _pdf(report: Report, language: str) -> bytes:
    from slmm.report.paper import pdf_of  # an optional extra, and half a second to import

    return pdf_of(sheet_of(report, language))


def links_of(report: Report, wanted: Wanted) -> tuple[Link, ...]:
    """To the reports before and after, to the other spans around, and to the PDF; relative to the page."""
    reach, words = report.reach, Words(report.reach.zone, wanted.language)
    tail = "" if wanted.limit_id is None else f"&limit={wanted.limit_id}"
    if wanted.is_language_asked:
        tail += f"&lang={wanted.language}"
    found = []
    before, after = reach.neighbour(-1), reach.neighbour(1)
    if before is not None:
        found.append(Link(f"‹ {before.name}", f"?{before.kind}={before.name}{tail}"))
    if after is not None and report.until >= after.span.starts_at:
        found.append(Link(f"{after.name} ›", f"?{after.kind}={after.name}{tail}"))
    for kind in (DAY, WEEK, MONTH):
        if kind != reach.kind:
            other = around(reach.first, kind, reach.zone)
            found.append(Link(f"{words(f'part {kind}')} {other.name}", f"?{kind}={other.name}{tail}"))
    found.append(Link("PDF", f"?{reach.kind}={reach.name}{tail}&format=pdf"))
    return tuple(found)
