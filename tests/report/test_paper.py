"""PDF: the same bytes from the same data, pages that are counted, and letters that the font lacks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from slmm.report import paper
from slmm.report.blocks import Prose, Table
from slmm.report.content import sheet_of
from slmm.report.page import html_of
from slmm.report.paper import pdf_of
from slmm.report.words import text
from tests.report.conftest import Told

ANEW = """
import hashlib, sys, tempfile
from pathlib import Path
from slmm.report import reach
from slmm.report.content import sheet_of
from slmm.report.gather import Wanted
from slmm.report.page import html_of
from slmm.report.paper import pdf_of
from tests.report.conftest import A_FAST
from tests.report.made import Archive, a_busy_day
with tempfile.TemporaryDirectory() as folder:
    archive = Archive(Path(folder))
    a_busy_day(archive, "2026-11-19 22:00", 2)
    report = archive.gatherer.gather(Wanted("north-gate", reach.of_day("2026-11-20", "Europe/Berlin")), A_FAST)
    sheet = sheet_of(report)
    for made in (html_of(sheet), pdf_of(sheet)):
        print(hashlib.sha256(made).hexdigest())
    archive.close()
"""


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def test_the_same_data_give_the_same_bytes_in_any_process(told: Told) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ANEW],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, zone in (("1", "UTC"), ("4711", "Asia/Tokyo"))
    ]
    one, other = (process.communicate(timeout=90)[0].split() for process in started)
    assert len(one) == 2
    assert one == other


def test_the_same_report_is_set_the_same_twice(told: Told) -> None:
    sheet = sheet_of(told())
    assert pdf_of(sheet) == pdf_of(sheet_of(told()))
    assert html_of(sheet) == html_of(sheet_of(told()))


def test_a_plain_day_fits_one_page_and_a_month_of_trouble_does_not(told: Told) -> None:
    plain_day = told("2026-11-17", limit_id=2)
    assert pages(pdf_of(sheet_of(plain_day))) == 1
    assert pages(pdf_of(sheet_of(told("2026-11")))) > 2


def test_pages_are_counted(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(paper.Canvas, "drawRightString", lambda canvas, x, y, words: drawn.append(words))
    made = pdf_of(sheet_of(told("2026-11")))
    count = pages(made)
    told_pages = [words for words in drawn if words.startswith("page")]
    assert told_pages == [f"page {number} of {count}" for number in range(1, count + 1)]


def test_letters_that_the_font_lacks_are_told_by_number(told: Told) -> None:
    setter = paper._Setter(paper._Styles())
    assert setter.known_only("Größe ≤ 5 dB – ł") == "Größe ≤ 5 dB – ł"
    assert setter.known_only("Дa 日") == "[U+0414]a [U+65E5]"
    assert setter.plain("a < b & c\nd") == "a &lt; b &amp; c<br/>d"


def test_words_that_look_like_markup_break_nothing(told: Told) -> None:
    sheet = sheet_of(told())
    hostile = "<para></b><font color='x'>&amp;<br>%s {number} \N{RIGHT-TO-LEFT OVERRIDE} " + "x" * 3000
    made = replace(sheet, subject="<b>", footer="{count} " + hostile, blocks=(*sheet.blocks, Prose(text(hostile))))
    assert pdf_of(made).startswith(b"%PDF-")


def test_a_remark_longer_than_a_page_is_split(told: Told) -> None:
    sheet = sheet_of(told())
    long = text("\n".join(f"line {number}" for number in range(400)))
    blocks = tuple(
        replace(block, rows=((*block.rows[0][:2], long, *block.rows[0][3:]), *block.rows[1:]))
        if isinstance(block, Table) and len(block.columns) == 4 and len(block.rows) == 3
        else block
        for block in sheet.blocks
    )
    assert blocks != sheet.blocks
    assert pages(pdf_of(replace(sheet, blocks=blocks))) >= 6


def test_there_is_no_time_and_no_machine_in_the_file(told: Told) -> None:
    made = pdf_of(sheet_of(told()))
    assert set(re.findall(rb"/(?:Creation|Mod)Date \(D:(\d{4})", made)) <= {b"2000"}
    assert b"/tmp" not in made
    assert b"/work" not in made
