"""What the meter lists, decoded: real and invented lines, and nonsense of every kind."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmm.errors import Invalid
from slmm.nl43.listing import (
    DataFile,
    Entry,
    StoreFolder,
    check_path,
    decode_listing,
    name_fault,
    parse_file_name,
    parse_folder_name,
    path_below,
    to_utc,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


NOW = at("2025-12-24 02:10:55")


def one(line: str, now: datetime = NOW) -> Entry:
    listing = decode_listing(line.encode() + b"\r\n", now)
    assert listing.unusable == ()
    (entry,) = listing.entries
    return entry


def modified(date: str, now: datetime = NOW) -> datetime | None:
    return one(f"-rw-rw-rw-   1 owner    group       12345 {date} x.rnd", now).modified


def refusal(name: str) -> str:
    listing = decode_listing(f"-rw-rw-rw- 1 o g 5 Dec 23 19:41 {name}\r\n".encode("utf-8", "surrogateescape"), NOW)
    assert listing.entries == ()
    (unusable,) = listing.unusable
    assert unusable.text.isprintable()
    return unusable.reason


def test_a_folder_of_a_measurement_is_decoded() -> None:
    listing = decode_listing(
        b"total 3\r\n"
        b"drwxrwxrwx   1 owner    group           0 Dec 23 19:40 .\r\n"
        b"drwxrwxrwx   1 owner    group           0 Dec 23 19:40 ..\r\n"
        b"drwxrwxrwx   1 owner    group           0 Dec 23 19:41 Auto_Lp_01\r\n"
        b"\r\n"
        b"-rw-rw-rw-   1 owner    group       12345 Dec 23 19:41 NL_0001_SLM_Lp _0019_0001.rnd\r\n"
        b"-rw-rw-rw-   1 owner    group        7045 Aug  2  2024 NIKON001.DSC",
        NOW,
    )
    assert listing.unusable == ()
    assert listing.entries == (
        Entry("Auto_Lp_01", True, 0, at("2025-12-23 19:41")),
        Entry("NL_0001_SLM_Lp _0019_0001.rnd", False, 12345, at("2025-12-23 19:41")),
        Entry("NIKON001.DSC", False, 7045, at("2024-08-02")),
    )


@pytest.mark.parametrize(
    "name", ["a  b", "  two in front", "one behind ", "-rf", "Dec 23 19:41 x", "Ü 測定.rnd", "x;y"]
)
@pytest.mark.parametrize("date", ["Dec 23 19:41", "Dec  3 09:41", "Dec 23  2024"])
def test_a_name_keeps_its_spaces(name: str, date: str) -> None:
    assert one(f"-rw-rw-rw- 1 o g 5 {date} {name}").name == name


@pytest.mark.parametrize(
    ("date", "now", "expected"),
    [
        ("Dec 23 19:41", "2025-12-24 02:10", "2025-12-23 19:41"),
        ("Dec 25 02:10", "2025-12-24 02:10", "2025-12-25 02:10"),  # a clock that runs ahead
        ("Dec 25 02:11", "2025-12-24 02:10", "2024-12-25 02:11"),
        ("Jan  1 00:05", "2025-12-31 23:58", "2026-01-01 00:05"),
        ("Dec 31 23:58", "2026-01-01 00:05", "2025-12-31 23:58"),
        ("Feb 29 12:00", "2028-03-01 00:00", "2028-02-29 12:00"),
        ("Feb 29 12:00", "2028-02-28 13:00", "2028-02-29 12:00"),
        ("Feb 29 12:00", "2028-02-28 11:00", "2024-02-29 12:00"),
        ("Feb 29 12:00", "2026-06-01 00:00", "2024-02-29 12:00"),
        ("Feb 29 12:00", "2103-06-01 00:00", "2096-02-29 12:00"),
        ("FEB  3  2019", "2026-06-01 00:00", "2019-02-03 00:00"),
    ],
)
def test_a_time_without_a_year_is_the_last_that_was(date: str, now: str, expected: str) -> None:
    assert modified(date, at(now)) == at(expected)


@pytest.mark.parametrize("date", ["Dec 32 19:41", "Dec 23 25:00", "Feb 30  2024", "xyz 00 00:00", "Jan 01  1601"])
def test_an_impossible_date_is_not_known_but_the_file_is(date: str) -> None:
    assert modified(date) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("../../x", "separator"),
        ("/etc/x", "separator"),
        ("a/../../b", "separator"),
        ("C:\\x", "separator"),
        ("...", "another folder"),
        ("a..", "another folder"),
        ("a\0b", "control"),
        ("a\x1b[2Jb", "control"),
        ("a\rb", "control"),
        ("a\x85b", "control"),
        ("a\u202eb", "control"),
        ("a\u2028b", "control"),
        ("x" * 256, "255 bytes"),
        ("é" * 128, "255 bytes"),
        ("\udcff", "UTF-8"),
    ],
)
def test_a_nasty_name_is_refused_with_its_reason(name: str, reason: str) -> None:
    assert reason in refusal(name)


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "-rw-rw-rw- 1 owner 5 Dec 23 19:41 eight columns",
        "-rw-rw-rw- 1 o g five Dec 23 19:41 x",
        "-rw-rw-rw- 1 o g 5 Dec 23 19:41",
        "12-23-25  07:41PM       <DIR>          Auto_0019",
        "-rw-rw-rw- 1 o g " + "9" * 5000 + " Dec 23 19:41 x",
    ],
)
def test_a_line_that_is_not_understood_is_reported(line: str) -> None:
    listing = decode_listing(line.encode(), NOW)
    assert listing.entries == ()
    assert len(listing.unusable) == 1
    assert len(listing.unusable[0].text) <= 120


def test_only_files_and_folders_are_used() -> None:
    for kind in "lbcps":
        listing = decode_listing(f"{kind}rw-rw-rw- 1 o g 5 Dec 23 19:41 x -> y".encode(), NOW)
        assert [unusable.reason for unusable in listing.unusable] == ["it is neither a file nor a folder"]


def test_a_name_that_is_listed_twice_counts_once() -> None:
    line = b"-rw-rw-rw- 1 o g %d Dec 23 19:41 x\r\n"
    listing = decode_listing(line % 5 + line % 6, NOW)
    assert [entry.size_bytes for entry in listing.entries] == [5]
    assert [unusable.reason for unusable in listing.unusable] == ["it is listed twice"]


LINES = st.builds(
    lambda kind, size, month, day, time, name: f"{kind}rwx 1 o g {size} {month} {day} {time} {name}".encode(
        "utf-8", "surrogatepass"
    ),
    st.sampled_from("-dlx"),
    st.integers(0, 10**20),
    st.sampled_from(["Dec", "feb", "Foo"]),
    st.integers(0, 40),
    st.one_of(st.sampled_from(["19:41", "99:99", " 2024", "0000"]), st.text(max_size=6)),
    st.text(max_size=300),
)


@given(st.one_of(st.binary(max_size=400), st.lists(LINES, max_size=4).map(b"\r\n".join)), st.datetimes())
def test_no_bytes_raise_and_no_entry_can_do_harm(data: bytes, now: datetime) -> None:
    listing = decode_listing(data, now)
    for entry in listing.entries:
        assert name_fault(entry.name) is None
        assert check_path(path_below("/NL-43", entry.name)) == f"/NL-43/{entry.name}"
        assert entry.size_bytes >= 0
    for unusable in listing.unusable:
        assert unusable.text.isprintable()


@given(st.text(max_size=40))
def test_no_name_raises(name: str) -> None:
    parse_file_name(name)
    parse_folder_name(name)
    name_fault(name)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", "/"), ("/NL-43/", "/NL-43"), ("//NL-43//Auto_0019", "/NL-43/Auto_0019"), ("/a b /c", "/a b /c")],
)
def test_a_path_from_the_top_is_accepted(path: str, expected: str) -> None:
    assert check_path(path) == expected


@pytest.mark.parametrize(
    "path",
    ["", "NL-43", "../x", "/../x", "/a/../../b", "/a/./b", "/a\r\nDELE /b", "/a\0", "/a\\b", "/\udcff", "/x" * 600],
)
def test_any_other_path_never_reaches_the_wire(path: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_path(path)
    assert caught.value.field == "remote_path"
    assert str(caught.value).isprintable()


@given(st.text(max_size=60))
def test_no_path_that_is_accepted_ends_a_command(path: str) -> None:
    try:
        checked = check_path(path)
    except Invalid:
        return
    assert not any(ord(letter) < 32 for letter in checked)
    assert ".." not in checked.split("/")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NL_0001_SLM_Lp _0019_0001.rnd", DataFile("0001", "SLM", "Lp", "0019", 1)),
        ("NL_0001_SLM_MAN_0019_0000.rnd", DataFile("0001", "SLM", "MAN", "0019", 0)),
        ("nl_0001_oct_leq_0815_0002.RND", DataFile("0001", "OCT", "Leq", "0815", 2)),
        ("NL_001_SLM_Lp _0815_0001.rnd", DataFile("001", "SLM", "Lp", "0815", 1)),
        ("NL_0001_SLM_Lp _0019_0001.rnh", None),
        ("NL_0001_SLM_Lp _0019_0001.rnd\n", None),
        ("NIKON001.DSC", None),
    ],
)
def test_a_data_file_is_known_by_its_name(name: str, expected: DataFile | None) -> None:
    assert parse_file_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Auto_0019", StoreFolder("Auto", "0019")),
        ("MANUAL_0020", StoreFolder("Manual", "0020")),
        ("Auto_Lp_01", None),
        ("Auto_00190", None),
    ],
)
def test_a_measurement_is_known_by_its_folder(name: str, expected: StoreFolder | None) -> None:
    assert parse_folder_name(name) == expected


def test_a_time_of_the_meter_becomes_an_instant() -> None:
    new_york = ZoneInfo("America/New_York")
    assert to_utc(at("2025-12-23 19:41"), new_york, 0.0) == datetime(2025, 12, 24, 0, 41, tzinfo=UTC)
    assert to_utc(at("2025-12-23 19:41"), new_york, -39.0) == datetime(2025, 12, 24, 0, 41, 39, tzinfo=UTC)
    # a clock that stays on winter time all year is given its fixed offset
    winter = timezone(timedelta(hours=-5))
    assert to_utc(at("2025-07-01 12:00"), winter, 0.0) == datetime(2025, 7, 1, 17, tzinfo=UTC)
