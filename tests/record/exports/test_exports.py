"""Exports: every row once, the figures of the record, what they are called, and forms that other tools read."""

import csv
import dataclasses
import io
import itertools
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest

from slmm.acoustics.intervals import Span
from slmm.acoustics.quality import Flag
from slmm.errors import DiskTrouble, Invalid
from slmm.events import Labels, Levels
from slmm.record.exports import frame_table, sheets
from slmm.record.exports.cells import Grid, letters
from slmm.record.exports.export import FORMATS, Order, csv_pieces, table_of
from slmm.record.exports.sheets import Workshop, write_parquet, write_xlsx
from slmm.record.exports.tables import Kind, Style, Table, cell, quoted
from slmm.record.frames import Frame, Source
from slmm.record.office import RecordOffice
from slmm.record.summary import Summaries
from tests.record.past import NOON, record_polls, record_stream, simulate
from tests.record.test_history import history_of, minutes, put

LABELS = Labels("A", "F", ("5", "10", "50", "90", "95"))
HOUR = timedelta(hours=1)


def table(office: RecordOffice, what: str, *, excluded: tuple[Span, ...] = (), **order: Any) -> Table:
    history = history_of(office)
    wanted = Order(**{"unit_id": "a", "what": what, "from_at": NOON, "until_at": NOON + HOUR, **order})
    summaries = Summaries(history, lambda unit_id, since, until: excluded)
    return table_of(wanted, history, summaries, LABELS, lambda: list(excluded))


def text_of(office: RecordOffice, wanted: Table, decimal: str = "point") -> str:
    return b"".join(csv_pieces(wanted, office.store, Style.of(decimal))).decode()


def rows_of(text: str, separator: str = ",") -> list[dict[str, str]]:
    """As a reader of RFC 4180 has them, once the comments are off."""
    lines = [line for line in text.removeprefix("\ufeff").splitlines(keepends=True) if not line.startswith("#")]
    assert all(line.endswith("\r\n") for line in lines)
    return list(csv.DictReader(io.StringIO("".join(lines), newline=""), delimiter=separator))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "exports")


# -- frames -----------------------------------------------------------------------------------------


def test_every_frame_is_told_once_and_as_it_came(office: RecordOffice) -> None:
    past = simulate("a", 30.0)
    record_polls(office, past)
    record_stream(office, past)
    rows = rows_of(text_of(office, table(office, "frames")))
    polls = [row for row in rows if row["source"] == "poll"]
    streamed = [row for row in rows if row["source"] == "stream"]
    assert [float(row["leq"]) for row in polls] == [reading.main.leq for reading in past.polls()]
    assert [float(row["lp"]) for row in streamed] == [each.main.lp for each in past.stream()]
    assert [row["ends_at"] for row in rows] == sorted(row["ends_at"] for row in rows)
    first = streamed[0]
    assert (first["ends_at"], first["local_time"]) == ("2026-11-20T12:00:00.100Z", "2026-11-20 13:00:00.100")
    assert (first["duration_s"], first["over"], first["measuring"], first["counter"]) == ("0.1", "0", "1", "1")
    assert (first["ln1"], first["raw"], first["started_at"]) == ("", "", "")


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 1000])
def test_no_frame_is_lost_or_doubled_where_a_piece_ends(
    office: RecordOffice, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(frame_table, "ROWS_AT_ONCE", at_once)
    times = [NOON + timedelta(seconds=second) for second in (1, 1, 1, 1, 2, 300, 300, 300, 1800, 3600)]
    frames = [
        Frame("a", at, Source.SD_LP, Levels(leq=50.0 + number), 1.0, True, address=number)
        for number, at in enumerate(times)
    ]
    outside = [Frame("a", NOON, Source.SD_LP, Levels(leq=1.0)), Frame("b", times[0], Source.SD_LP, Levels(leq=2.0))]
    office.historian.write([*outside, *frames, Frame("a", times[-1] + timedelta(seconds=1), Source.POLL, Levels())])
    found = rows_of(text_of(office, table(office, "frames", metrics=("leq",))))
    assert [int(row["address"]) for row in found] == list(range(len(times)))


def test_frames_in_files_and_in_tables_are_one_export(office: RecordOffice) -> None:
    past = simulate("a", 20.0)
    record_stream(office, past, 0, 10)
    assert office.partitions.move("frames", "a", NOON.date()) is not None
    record_stream(office, past, 10, 20)
    rows = rows_of(text_of(office, table(office, "frames", metrics=("leq",))))
    assert [float(row["leq"]) for row in rows] == [each.main.leq for each in past.stream()]
    earlier = rows_of(text_of(office, table(office, "frames", until_at=NOON + timedelta(seconds=10))))
    assert len(earlier) == 100


def test_pieces_are_bounded_and_begin_before_the_rest_is_read(
    office: RecordOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_table, "ROWS_AT_ONCE", 1000)
    record_stream(office, simulate("a", 600.0))
    pieces = csv_pieces(table(office, "frames", metrics=("lp", "leq")), office.store, Style())
    assert next(pieces).startswith(b"# unit: a\r\n")
    sizes = [len(piece) for piece in pieces]
    assert len(sizes) >= 6
    assert max(sizes) < 1000 * 120


def test_an_export_goes_on_after_a_day_went_into_a_file(office: RecordOffice) -> None:
    record_stream(office, simulate("a", 600.0))
    pieces = csv_pieces(table(office, "frames", metrics=("leq",)), office.store, Style())
    begin = [next(pieces), next(pieces)]
    assert office.partitions.move("frames", "a", NOON.date()) is not None
    assert len(rows_of(b"".join([*begin, *pieces]).decode())) == 6000


def test_hostile_text_stays_text(office: RecordOffice) -> None:
    raws = ['=cmd|" /C calc"!A0', "+1,2", "@x", "-.-, 65.3", "-1+1", 'a"b\r\nc', "plain", "ä;b"]
    frames = [
        Frame("a", NOON + timedelta(seconds=number + 1), Source.POLL, Levels(lp=1.0), raw=raw)
        for number, raw in enumerate(raws)
    ]
    office.historian.write(frames)
    wanted = table(office, "frames", metrics=("lp",))
    text = b"".join(csv_pieces(wanted, office.store, Style())).decode()
    body = text[text.index("ends_at,local_time") :]
    found = [row["raw"] for row in csv.DictReader(io.StringIO(body, newline=""))]
    assert found == ['\'=cmd|" /C calc"!A0', "'+1,2", "'@x", "-.-, 65.3", "'-1+1", 'a"b\r\nc', "plain", "ä;b"]
    assert [quoted(raw) for raw in raws] == re.findall(r',((?:"(?:[^"]|"")*"|[^,"\r\n]+))\r\n', body)[1:]


def test_a_row_reads_the_same_from_sql_and_from_python(office: RecordOffice) -> None:
    past = simulate("a", 20.0)
    record_polls(office, past)
    office.historian.write([*past.stored(1.0), Frame("a", NOON + HOUR, Source.SD_LEQ, Levels(leq=-0.04), 2.5, None)])
    for decimal in ("point", "comma"):
        wanted, style = table(office, "frames"), Style.of(decimal)
        kinds = [column.kind for column in wanted.columns]
        place = office.store.read(wanted.first)
        told = []
        while place is not None:
            rows, place = office.store.read(lambda connection, of=wanted, at=place: of.rows(connection, at))
            told += [style.separator.join(map(cell, row, kinds, itertools.repeat(style))) for row in rows]
        assert text_of(office, wanted, decimal).split("\r\n")[-len(told) - 1 : -1] == told


def test_members_that_no_frame_has_are_refused(office: RecordOffice) -> None:
    with pytest.raises(Invalid, match="leq_mov") as error:
        table(office, "frames", metrics=("laeq",))
    assert error.value.field == "metrics"


# -- periods ----------------------------------------------------------------------------------------


def test_minutes_are_those_of_the_record_and_holes_are_left_out(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.0, None, 62.25]))
    rows = rows_of(text_of(office, table(office, "minutes", metrics=("laeq", "lmax", "l50"))))
    assert [(row["ends_at"], row["laeq"], row["lmax"]) for row in rows] == [
        ("2026-11-20T12:01:00.000Z", "60.0", "61.0"),
        ("2026-11-20T12:03:00.000Z", "62.3", "63.3"),
    ]
    assert (rows[0]["coverage_percent"], rows[0]["judged"], rows[0]["bound"], rows[0]["source"]) == (
        "100",
        "1",
        "",
        "sd",
    )


def test_an_over_range_minute_says_so(office: RecordOffice) -> None:
    put(office, minutes(NOON, [130.0], flags=Flag.OVER | Flag.GAP))
    (row,) = rows_of(text_of(office, table(office, "minutes")))
    assert (row["laeq"], row["bound"], row["flags"], row["judged"]) == ("130.0", ">", "over gap", "0")


def test_all_minutes_are_told_whatever_the_pieces(office: RecordOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    put(office, minutes(NOON, [50.0 + number / 10 for number in range(50)]))
    monkeypatch.setattr("slmm.record.exports.tables.PERIODS_AT_ONCE", 7)
    rows = rows_of(text_of(office, table(office, "minutes", metrics=("laeq",))))
    assert [float(row["laeq"]) for row in rows] == pytest.approx([50.0 + number / 10 for number in range(50)])


def test_a_span_of_years_with_an_hour_in_it_is_an_hour(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.0] * 60))
    year = timedelta(days=3650)
    wanted = table(office, "minutes", from_at=NOON - year, until_at=NOON + year, metrics=("laeq",))
    assert len(rows_of(text_of(office, wanted))) == 60


def test_named_periods_stand_there_also_when_nothing_is_known(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.0] * 30 + [90.0] * 30))
    excluded = Span(NOON + HOUR / 2, NOON + HOUR)
    wanted = table(
        office, "summary", period="parts", until_at=NOON + timedelta(hours=12), metrics=("laeq",), excluded=(excluded,)
    )
    text = text_of(office, wanted)
    rows = rows_of(text)
    assert [(row["period"], row["date"], row["laeq"]) for row in rows] == [
        ("day", "2026-11-20", "60.0"),
        ("evening", "2026-11-20", ""),
        ("night", "2026-11-20", ""),
    ]
    assert "# exclusions: 2026-11-20T12:30:00+00:00 to 2026-11-20T13:00:00+00:00\r\n" in text


def test_a_text_says_what_it_is(office: RecordOffice) -> None:
    text = text_of(office, table(office, "minutes", metrics=("laeq", "l10")))
    told = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# "))
    assert (told["unit"], told["zone"], told["frequency_weighting"]) == ("a", "Europe/Berlin", "A")
    assert told["column laeq"] == "LAeq,1min, dB"
    assert told["column l10"] == "LAF10,1min, dB"
    assert "from LAF samples" in told["ln"]
    assert told["made_by"].startswith("SLMM ")
    assert text.splitlines()[-1].startswith("ends_at,local_time,starts_at,laeq,l10,coverage_percent")


def test_a_german_spreadsheet_gets_commas(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.25]))
    text = text_of(office, table(office, "minutes", metrics=("laeq",)), "comma")
    assert text.startswith("\ufeff# unit")
    (row,) = rows_of(text, ";")
    assert row["laeq"] == "60,3"


# -- files ------------------------------------------------------------------------------------------

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet(path: Path, number: int) -> Iterator[list[str]]:
    """The cells of a sheet as Excel reads them."""
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None
        root = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
    for row in root.iter(f"{_MAIN}row"):
        yield ["".join(part.text or "" for part in each.iter() if part.text) for each in row.iter(f"{_MAIN}c")]


def test_a_workbook_has_the_rows_and_a_sheet_about_them(
    office: RecordOffice, workshop: Workshop, tmp_path: Path
) -> None:
    put(office, minutes(NOON, [60.0, 61.5, None, 70.0]))
    with workshop.place(".xlsx") as path:
        assert write_xlsx(table(office, "minutes", metrics=("laeq",)), office.store, workshop, path) == 3
        levels, told = list(sheet(path, 1)), dict(row for row in sheet(path, 2) if len(row) == 2)
    assert levels[0][:4] == ["ends_at", "local_time", "starts_at", "laeq"]
    assert [float(row[3]) for row in levels[1:]] == [60.0, 61.5, 70.0]
    excel_day_one = datetime(1899, 12, 30, tzinfo=UTC)
    first = excel_day_one + timedelta(days=float(levels[1][0]))
    assert abs(first - (NOON + timedelta(minutes=1))) < timedelta(milliseconds=1)
    assert (told["zone"], told["laeq"]) == ("Europe/Berlin", "LAeq,1min, dB")
    assert not list((tmp_path / "exports").iterdir())


def test_cells_are_the_same_from_sql_and_from_python(office: RecordOffice) -> None:
    past = simulate("a", 10.0)
    record_polls(office, past)
    odd = Frame("a", NOON + HOUR, Source.SD_LEQ, Levels(leq=-1.2), 2.5, None, raw="<&>\"'\x01\uffff]]>ä", address=7)
    office.historian.write([*past.stored(1.0), odd])
    wanted = table(office, "frames")
    assert isinstance(wanted, frame_table.FrameTable)
    grid = Grid(tuple(wanted.columns), tuple("1" if column.kind is Kind.LEVEL else "" for column in wanted.columns))
    place = office.store.read(wanted.first)
    told, count = "", 0
    while place is not None:
        rows, _ = office.store.read(lambda connection, at=place: wanted.rows(connection, at))
        text, added, place = office.store.read(
            lambda connection, at=place, done=count: wanted.cells(connection, at, grid, done + 2)
        )
        assert added == len(rows)
        assert text == grid.rows(rows, count + 2)
        told, count = told + text, count + added
    cells = [each.get("r") for each in ElementTree.fromstring(f"<a>{told}</a>").iter("c")]
    assert count == 18 + 1 == len(set(re.findall("[0-9]+", " ".join(map(str, cells)))))
    assert "&lt;&amp;&gt;\"']]&gt;ä" in told
    assert [letters(number) for number in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_no_text_becomes_a_formula_or_a_link(office: RecordOffice, workshop: Workshop) -> None:
    frame = Frame("a", NOON + HOUR, Source.POLL, Levels(lp=1.0), raw="=1+1", flags=("http://x",))
    office.historian.write([frame])
    with workshop.place(".xlsx") as path:
        write_xlsx(table(office, "frames", metrics=("lp",)), office.store, workshop, path)
        with zipfile.ZipFile(path) as book:
            text = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in text
    assert "hyperlink" not in text
    assert "=1+1" in text


def test_more_rows_than_a_sheet_has_are_refused_before_it_is_made(
    office: RecordOffice, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record_stream(office, simulate("a", 10.0))
    monkeypatch.setattr(sheets, "MOST_XLSX_ROWS", 99)
    monkeypatch.setattr(sheets, "MOST_PARQUET_ROWS", 99)
    for write, form in ((write_xlsx, "XLSX"), (write_parquet, "Parquet")):
        with workshop.place(".x") as path, pytest.raises(Invalid, match=f"100 rows, and {form} takes 99"):
            write(table(office, "frames"), office.store, workshop, path)
    assert not list((tmp_path / "exports").iterdir())


def test_parquet_carries_types_and_what_it_is(office: RecordOffice, workshop: Workshop) -> None:
    past = simulate("a", 20.0)
    record_polls(office, past)
    put(office, minutes(NOON, [60.0, None, 62.25], uncertainty_db=0.21))
    for what, column, expected in (
        ("frames", "leq", [reading.main.leq for reading in past.polls()]),
        ("minutes", "laeq", [60.0, 62.3]),
    ):
        with workshop.place(".parquet") as path:
            wanted = table(office, what, metrics=(column,))
            assert write_parquet(wanted, office.store, workshop, path) >= len(expected)
            with duckdb.connect() as reader:
                found = reader.execute(f"select {column}, epoch_us(ends_at) from '{path}'").fetchall()
                types = dict(row[:2] for row in reader.execute(f"describe select * from '{path}'").fetchall())
                told = dict(
                    reader.execute(f"select key::varchar, value::varchar from parquet_kv_metadata('{path}')").fetchall()
                )
        assert [row[0] for row in found] == expected
        assert (types["ends_at"], types["local_time"], types[column]) == (
            "TIMESTAMP WITH TIME ZONE",
            "TIMESTAMP",
            "DOUBLE",
        )
        assert (told["unit"], told["zone"]) == ("a", "Europe/Berlin")
    assert found[0][1] == round((NOON + timedelta(minutes=1)).timestamp() * 1e6)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("what", ["frames", "minutes", "hours", "days", "summary"])
def test_a_unit_that_was_never_heard_gives_an_empty_export(
    office: RecordOffice, workshop: Workshop, form: str, what: str
) -> None:
    wanted = dataclasses.replace(table(office, what), unit_id="nobody")  # type: ignore[type-var]
    if form == "csv":
        assert len(rows_of(text_of(office, wanted))) == (1 if what == "summary" else 0)
        return
    write = write_xlsx if form == "xlsx" else write_parquet
    with workshop.place("") as path:
        write(wanted, office.store, workshop, path)
        assert path.stat().st_size > 500


def test_what_a_crash_left_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "old.xlsx").write_bytes(b"x")
    with Workshop(folder).place(".xlsx") as path:
        assert [each.name for each in folder.iterdir()] == []
        path.write_bytes(b"y")
    assert not list(folder.iterdir())


def test_a_disk_that_does_not_take_it_is_told(office: RecordOffice, tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("in the way")
    with pytest.raises(DiskTrouble), Workshop(tmp_path / "exports").place(".xlsx"):
        pass
