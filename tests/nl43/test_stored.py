"""What the SD card stored, read back: layouts, torn files, garbage; nothing is lost without a word."""

from datetime import timedelta

import pytest

from slmm.nl43.stored import StoredFile, StoredInterval, StoredKind, file_kind, parse_rows, read_stored, split_lines
from slmm.nl43.stored_lines import LINE_LIMIT_BYTES, Trouble
from tests.nl43.stored_files import (
    BAND_NAMES,
    BLOCK_LINES,
    LEQ_FILE,
    LEQ_HEADER,
    LP_HEADER,
    at,
    block,
    leq_line,
    lp_line,
    text,
)


def reasons(stored: StoredFile) -> list[tuple[int, str]]:
    return [(trouble.line, trouble.reason) for trouble in stored.troubles]


def test_a_leq_file_is_read_by_the_names_of_its_columns() -> None:
    stored = read_stored([LEQ_FILE])
    first, second, *_ = stored.rows
    assert (stored.kind, len(stored.rows), stored.troubles) == (StoredKind.LEQ, 4, ())
    assert (first.address, first.starts, first.duration_s, first.line) == (1, at(19, 41, 12), 60.0, 3)
    levels = first.levels
    assert (levels.leq, levels.le, levels.lmax, levels.lmin, levels.lpeak) == (43.7, 61.5, 44.1, 43.4, 59.1)
    assert (levels.ln1, levels.ln2, levels.ln3, levels.ln4, levels.ln5) == (44.2, 44.2, 43.7, 43.4, 43.3)
    assert (levels.lp, first.over, first.under) == (None, False, False)
    assert second.starts == at(19, 42, 12)


def test_columns_in_another_order_and_unknown_ones_make_no_difference() -> None:
    header = "Under(Main),Leq (Sub1),lmax(main), START  TIME ,20Hz,Leq(Main),Something,Address,Lpeak(Sub3)"
    row = "1, 41.0, 99.9,2025/12/23 19:41:12, 10.0, 55.5,text, 7, 88.8"
    stored = read_stored([text(header, row)], StoredKind.LP, 1.0)
    assert stored.troubles == ()
    (only,) = stored.rows
    assert (only.address, only.levels.leq, only.levels.lmax, only.under, only.over) == (7, 55.5, 99.9, True, None)
    sub1, sub2, sub3 = only.subs
    assert (sub1.leq, sub2.leq, sub3.leq, sub3.lpeak) == (41.0, None, None, 88.8)


def test_rows_of_an_nl42_end_with_a_comma_and_its_columns_name_no_channel() -> None:
    header = "Address,Start Time,Measurement Time,Leq,LE,Lmax,Lmin,LN1,Lpeak,Over,Under"
    row = "  868,2015/12/08 13:40:00,00d 00:10:00.0, 47.1, 74.9, 60.2, 31.0,  -.-,    -,1,-,"
    stored = read_stored([text("CSV", header, row, end="\n")])
    (only,) = stored.rows
    levels = only.levels
    assert (levels.leq, levels.ln1, levels.lpeak, only.over, only.under) == (
        47.1,
        None,
        None,
        True,
        None,
    )


def test_blocks_of_an_nx42rt_give_the_main_channel_and_leave_the_bands_alone() -> None:
    stored = read_stored([text("CSV", *block(868), *block(869))])
    assert stored.troubles == ()
    first, second = stored.rows
    assert (first.address, first.starts, first.duration_s, first.kind) == (868, at(13, 40, 0), 600.0, StoredKind.LEQ)
    levels = first.levels
    assert (levels.leq, levels.le, levels.lmax, levels.lmin, levels.ln1, levels.ln5) == (
        47.1,
        74.9,
        60.2,
        31.0,
        52.0,
        36.5,
    )
    assert (levels.lpeak, first.over, first.under) == (77.7, False, True)
    assert first.subs[0].leq is None
    assert (second.address, second.starts, second.line) == (869, at(13, 50, 0), 18)


def test_a_torn_block_is_left_out_and_those_around_it_are_read() -> None:
    lines = [*block(868), *block(869)[:9], *block(870), *block(871)[:15]]
    stored = read_stored([text("CSV", *lines)])
    assert [row.address for row in stored.rows] == [868, 870]
    assert [trouble.line for trouble in stored.troubles] == [18, 43]
    assert "9 lines instead of 16" in stored.troubles[0].reason


def test_garbage_in_a_block_costs_that_block() -> None:
    broken = block(869)
    broken[4] = "Leq,  -.-, x7.1,  39.8,"
    endless = [*block(870), *["what is this"] * 40]
    stored = read_stored([text("CSV", *block(868), *broken, *endless, *block(871), *block(872))])
    assert [row.address for row in stored.rows] == [868, 871, 872]
    assert stored.left_out_count == 1 + 1 + 39
    assert "'x7.1' is not a level" in stored.troubles[0].reason


@pytest.mark.parametrize(
    ("number", "line", "told"),
    [
        (3, ",Sub,Partial Over All,12.5 Hz", "no row of levels with a column Main"),
        (2, "Something,else", "no line 'measurement time'"),
        (4, "Leq,  -.-", "the row 'leq' has 1 fields"),
        (0, "Address, 1 2", "17 lines instead of 16"),
    ],
)
def test_a_block_that_lacks_something_is_left_out(number: int, line: str, told: str) -> None:
    broken = block(869)
    broken[number] = line
    stored = read_stored([text("CSV", *block(868), *broken, *block(870), *block(871))])
    assert told in " ".join(trouble.reason for trouble in stored.troubles)
    assert {868, 870, 871} - {row.address for row in stored.rows} == ({868} if number == 0 else set())


def test_an_nl42_block_without_a_sub_channel_has_none() -> None:
    lines = [",".join(line.split(",")[:1] + line.split(",")[2:]) if index > 2 else line for index, line in BLOCK_LINES]
    (only,) = read_stored([text(*lines)]).rows
    assert (only.levels.leq, only.subs) == (47.1, ())


def test_the_lp_column_of_an_octave_file_is_called_by_its_channel() -> None:
    header = f"Address,Start Time,Leq,LE,Lmax,Sub,Main,Partial Over All,{BAND_NAMES},"
    row = "    1,2015/12/08 13:40:00.0, 47.0,  -.-,  -.-,  -.-, 47.1, 39.8,  8.0, 12.8, 16.5, 0.9,"
    (only,) = read_stored([text("CSV", header, row)], StoredKind.LP, 0.1).rows
    assert (only.levels.lp, only.levels.leq, only.subs[0].lp) == (47.1, 47.0, None)


def test_lp_rows_get_the_interval_of_the_header_or_else_that_of_their_spacing() -> None:
    lines = [lp_line(number, at(10, 0, number - 1)) for number in range(1, 30)]
    del lines[7:12]
    assert {row.duration_s for row in read_stored([text("CSV", LP_HEADER, *lines)]).rows} == {1.0}
    told = read_stored([text("CSV", LP_HEADER, *lines)], interval_s=1.0)
    assert ({row.duration_s for row in told.rows}, told.troubles) == ({1.0}, ())


def test_an_interval_that_the_rows_contradict_is_told() -> None:
    lines = [lp_line(number, at(10, 0, number - 1)) for number in range(1, 30)]
    stored = read_stored([text("CSV", LP_HEADER, *lines)], interval_s=0.2)
    assert ({row.duration_s for row in stored.rows}, stored.left_out_count) == ({0.2}, 0)
    assert [str(trouble) for trouble in stored.troubles] == [
        "the rows are not as far apart as the interval says: '1.000 s, 0.200 s'"
    ]


@pytest.mark.parametrize(("interval_s", "digits"), [(0.1, 0), (0.2, 0), (0.025, 1), (0.1, 1), (0.01, 1), (0.01, 2)])
def test_the_spacing_is_found_though_rows_share_a_time(interval_s: float, digits: int) -> None:
    lines = []
    for number in range(1, 1000):
        exact = at(10, 0, 0) + timedelta(seconds=0.337 + interval_s * (number - 1))
        fraction = f"{exact:.%f}"[: digits + 1] if digits else ""
        lines.append(lp_line(number, exact, f"%Y/%m/%d %H:%M:%S{fraction}"))
    stored = read_stored([text("CSV", LP_HEADER, *lines)], StoredKind.LP)
    assert (len(stored.rows), stored.troubles) == (999, ())
    assert {round(row.duration_s, 9) for row in stored.rows} == {interval_s}


def test_a_single_lp_row_without_a_header_is_told_and_left_out() -> None:
    stored = read_stored([text("CSV", LP_HEADER, lp_line(1, at(10, 0, 0)))])
    assert stored.rows == ()
    assert "how long it is cannot be known" in stored.troubles[0].reason


def test_a_file_cut_anywhere_gives_the_rows_before_the_cut() -> None:
    whole = read_stored([LEQ_FILE]).rows
    ends = [index + 1 for index, byte in enumerate(LEQ_FILE) if byte == ord("\n")][2:]
    for cut in range(len(LEQ_FILE)):
        stored = read_stored([LEQ_FILE[:cut]])
        # A row that lacks no more than its line end is whole: its last field is a flag of one character.
        assert stored.rows == whole[: sum(cut >= end - 2 for end in ends)], cut
        begun = LEQ_FILE[:cut].rpartition(b"\n")[2]
        is_whole = cut + 2 in ends or cut + 1 in ends
        lacks_header = cut < LEQ_FILE.index(b"\n", 10) + 1
        assert stored.left_out_count == (bool(begun) and not is_whole) + lacks_header, cut


def test_a_last_row_that_could_be_longer_is_left_out() -> None:
    header = "Address,Start Time,Measurement Time,Leq(Main),Lpeak(Main)"
    row = "    1,2025/12/23 19:41:12,00d 00:01:00.0, 43.7,  -"
    assert read_stored([text(header) + row.encode()]).rows == ()
    assert len(read_stored([text(header, row)]).rows) == 1


def test_bytes_in_any_pieces_give_the_same() -> None:
    whole = read_stored([LEQ_FILE])
    for size in (1, 2, 7, 64, 200):
        pieces = [LEQ_FILE[start : start + size] for start in range(0, len(LEQ_FILE), size)]
        assert read_stored(pieces) == whole


def test_garbage_is_told_with_its_line_and_costs_only_itself() -> None:
    lines = [
        *("CSV", LEQ_HEADER, leq_line(1)),
        "\0" * 40,
        leq_line(2)[:60] + leq_line(3),
        leq_line(4),
        leq_line(5, leq="4x.7"),
        leq_line(6).replace("00d 00:01:00.0", "00d 00:00:00.0"),
        leq_line(7).replace("2025/12/23", "2025/13/23"),
        leq_line(8).replace("    8,", "   8x,"),
        leq_line(9)[:-1] + "7",
        leq_line(10) + ",extra",
        *("", " , ", leq_line(11)),
    ]
    stored = read_stored([text(*lines)])
    assert [row.address for row in stored.rows] == [1, 4, 11]
    assert [line for line, _ in reasons(stored)] == [4, 5, 7, 8, 9, 10, 11, 12]
    told = " ".join(reason for _, reason in reasons(stored))
    for word in ("'4x.7' is not a level", "no measurement time", "no time of", "'   8x' is not", "over or under flag"):
        assert word in told
    assert stored.left_out_count == stored.trouble_count == 8
    assert all(trouble.text.isprintable() for trouble in stored.troubles)


def test_rows_that_stand_twice_are_left_out_and_those_out_of_order_told() -> None:
    lines = [leq_line(1), leq_line(2), leq_line(1), leq_line(2), leq_line(4), leq_line(3)]
    stored = read_stored([text("CSV", LEQ_HEADER, *lines)])
    assert [row.address for row in stored.rows] == [1, 2, 4, 3]
    assert [(trouble.line, trouble.is_left_out) for trouble in stored.troubles] == [
        *((5, True), (6, True)),
        *((8, False), (8, False)),
    ]


def test_a_repeated_header_row_holds_from_there_on() -> None:
    other = "Address,Start Time,Measurement Time,Lmax(Main)"
    row = "    2,2025/12/23 19:42:12,00d 00:01:00.0, 77.7"
    stored = read_stored([text("CSV", LEQ_HEADER, leq_line(1), "CSV", other, row)])
    assert [(item.levels.leq, item.levels.lmax) for item in stored.rows] == [(43.7, 44.1), (None, 77.7)]
    assert [trouble.line for trouble in stored.troubles] == [4]


def test_a_file_without_a_header_row_says_so() -> None:
    assert "no header row" in read_stored([b""]).troubles[0].reason
    stored = read_stored([text("CSV", leq_line(1))])
    assert [trouble.line for trouble in stored.troubles] == [2, 0]


def test_a_header_without_a_level_is_none() -> None:
    stored = read_stored([text("Address,Start Time,20Hz,25Hz", "1,2025/12/23 19:41:12, 10.0, 11.0")])
    assert (stored.rows, [trouble.line for trouble in stored.troubles]) == ((), [1, 2, 0])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "cp932"])
def test_the_language_of_the_meter_does_not_matter(encoding: str) -> None:
    word = "騒音" if encoding == "cp932" else "소음"
    header = f"Address,Start Time,Measurement Time,{word},Leq(Main)"
    row = f"    1,2025/12/23 19:41:12,00d 00:01:00.0,{word}, 43.7"
    stored = read_stored([f"CSV\r\n{header}\r\n{row}\r\n".encode(encoding)])
    assert (len(stored.rows), stored.troubles) == (1, ())


def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    def flood() -> object:
        for _ in range(200):
            yield b"\0" * 100_000

    lines = list(split_lines(flood()))  # type: ignore[arg-type]
    assert [(line.number, line.is_too_long, len(line.text)) for line in lines] == [(1, True, LINE_LIMIT_BYTES)]
    stored = read_stored([LEQ_FILE[:-2], b"\0" * 100_000, b"\r\n", text(leq_line(9))])
    assert [row.address for row in stored.rows] == [1, 2, 3, 9]


def test_only_the_first_troubles_are_kept_but_all_are_counted() -> None:
    stored = read_stored([text("CSV", LEQ_HEADER, *["?"] * 1000, leq_line(1))])
    assert (len(stored.rows), len(stored.troubles), stored.trouble_count) == (1, 200, 1000)


def test_rows_come_while_the_file_is_being_read() -> None:
    taken = []

    def lines() -> object:
        for line in split_lines([LEQ_FILE]):
            taken.append(line.number)
            yield line

    rows = parse_rows(lines(), StoredKind.LEQ, 1.0)  # type: ignore[arg-type]
    assert isinstance(next(rows), StoredInterval)
    assert taken == [1, 2, 3]


def test_a_trouble_reads_as_a_sentence() -> None:
    assert str(Trouble(7, "x", "no level")) == "line 7: no level: 'x'"
    assert str(Trouble(0, "", "no header")) == "no header"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/NL-43/Auto_0019/Auto_Lp_01/NL_0001_SLM_Lp _0019_0001.rnd", StoredKind.LP),
        ("NL_001_SLM_Leq_0815_0001.RND", StoredKind.LEQ),
        ("/NL-43/Manual_0019/NL_0001_SLM_MAN_0019_0000.rnd", StoredKind.MAN),
        ("NL_0001_OCT_Leq_0815_0001.rnd", StoredKind.LEQ),
        ("/NL-43/Auto_0019/NL_0001_SLM_0019_0000.rnh", None),
        ("NL_0001_SLM_XYZ_0019_0001.rnd", None),
        ("/NL-43/Screenshot/0001_20251223_193950.bmp", None),
    ],
)
def test_the_name_tells_the_kind(path: str, kind: StoredKind | None) -> None:
    assert file_kind(path) is kind
