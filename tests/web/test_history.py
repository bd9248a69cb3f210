"""History, summaries, exceedances, allowance and exports over HTTP: what is answered, to whom, and what is refused."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import jsonschema
import pytest
from flask import Flask

from slmm.app import create_app
from slmm.errors import DiskTrouble
from slmm.events import Labels
from slmm.settings import Settings
from slmm.storage.devices import Device
from slmm.storage.remarks import NewRemark, RemarkBook
from tests.conftest import FAST, eventually
from tests.record.past import close_all, record_polls, simulate
from tests.record.test_history import minutes, put
from tests.web.conftest import BASE

Get = Callable[..., Any]
NIGHT = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
"""23:00 in Berlin before the clocks go forward: a night of 7 h."""
LEVELS = [60.0] * 60 + [None] * 30 + [80.0] * 30
SPAN = "from=2026-03-28T22:00:00Z&until=2026-03-29T00:00:00Z"


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    app = create_app(make_settings(**FAST, auth="on", timezone="Europe/Berlin", record_minutes_days=0))
    runtime = app.extensions["slmm"]
    runtime.start()
    for unit_id in ("a", "b"):
        runtime.roster.add(Device(unit_id, "127.0.0.1", 9, poll_enabled=False))
    put(runtime.record, minutes(NIGHT, LEVELS))
    yield app
    runtime.stop()


@pytest.fixture
def get(app: Flask) -> Get:
    """Asks as a viewer, and checks the answer against the description."""
    runtime = app.extensions["slmm"]
    _, secret = runtime.tokens.create("reader", "viewer", None, None, "test")
    client = app.test_client()
    spec: dict[str, Any] = app.test_client().get("/openapi.json").json

    def ask(path: str, expected: int = 200) -> Any:
        answer = client.get(f"{BASE}/{path}", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == expected, answer.text[:500]
        rule = f"{BASE}/{{unit_id}}/{path.split('?')[0].split('/', 1)[1]}"
        described = spec["paths"][rule]["get"]["responses"][str(expected)]["content"]
        if answer.is_json:
            schema = {**described[answer.mimetype]["schema"], "components": spec["components"]}
            jsonschema.Draft202012Validator(schema).validate(answer.json)
            return answer.json
        return answer

    return ask


# -- history ----------------------------------------------------------------------------------------


def test_without_a_begin_it_is_the_trail_of_040(get: Get) -> None:
    assert get("a/history") == {"status": "ok", "unit_id": "a", "hours": 2.0, "count": 0, "readings": []}
    assert get("a/history?hours=0.01")["hours"] == 0.1


def test_levels_come_in_columns_and_gaps_are_null(get: Get) -> None:
    found = get(f"a/history?{SPAN}&step=30min&metrics=laeq,lmax,l50")
    assert found["levels"] == {
        "laeq": [60.0, 60.0, None, 80.0],
        "lmax": [61.0, 61.0, None, 81.0],
        "l50": [60.0, 60.0, None, 80.0],
    }
    assert found["times"] == [
        "2026-03-28T22:30:00.000Z",
        "2026-03-28T23:00:00.000Z",
        "2026-03-28T23:30:00.000Z",
        "2026-03-29T00:00:00.000Z",
    ]
    assert (found["coverage"], found["flags"][2], found["source"]) == (
        [1, 1, 0, 1],
        ["gap"],
        ["sd", "sd", "none", "sd"],
    )
    assert (found["zone"], found["step"], found["taken_from"], found["count"]) == (
        "Europe/Berlin",
        "30min",
        "minutes",
        4,
    )
    assert found["names"]["laeq"] == {"name": "LAeq,30min", "unit": "dB"}
    assert found["is_last_open"] is False


def test_names_carry_the_weightings_of_the_meter(app: Flask, get: Get) -> None:
    app.extensions["slmm"].board.status("a").labels = Labels("A", "F", ("5", "10", "50", "90", "95"))
    found = get(f"a/history?{SPAN}&step=1h&metrics=laeq,lmax,l10,ln1,lp")
    assert {name: each["name"] for name, each in found["names"].items()} == {
        "laeq": "LAeq,1h",
        "lmax": "LAFmax",
        "l10": "LAF10,1h",
        "ln1": "LA5",
        "lp": "LAF",
    }
    assert found["ln_base"] == "LAF"


def test_seconds_are_read_from_frames(app: Flask, get: Get) -> None:
    runtime = app.extensions["slmm"]
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    past = simulate("b", 120.0, starts_at=begin)
    record_polls(runtime.record, past, every_s=1.0)
    close_all(runtime.record, begin + timedelta(minutes=3))
    found = get(f"b/history?from={begin:%Y-%m-%dT%H:%M:%SZ}&step=10s&metrics=laeq,lp")
    assert (found["taken_from"], found["step_s"]) == ("frames", 10)
    known = [level for level in found["levels"]["laeq"] if level is not None]
    assert 12 <= len(known) <= 13
    auto = get(f"b/history?from={begin:%Y-%m-%dT%H:%M:%SZ}")
    assert auto["step"] == "1s"


def test_a_plus_sign_that_came_as_a_space_is_understood(get: Get) -> None:
    plain = get("a/history?from=2026-03-28T23:00:00+01:00&until=2026-03-29T01:00:00+01:00&step=1h")
    encoded = get("a/history?from=2026-03-28T23:00:00%2B01:00&until=2026-03-29T01:00:00%2B01:00&step=1h")
    assert plain == encoded
    assert plain["from"] == "2026-03-28T22:00:00.000Z"


HOSTILE = [
    ("history?from=2026-03-28T22:00:00", "from"),
    ("history?from=yesterday", "from"),
    ("history?from=0001-01-01T00:00:00%2B14:00", "from"),
    ("history?from=9999-12-31T23:59:59-14:00", "from"),
    ("history?from=1e9", "from"),
    ("history?from=", "from"),
    (f"history?{SPAN}&step=7s", "step"),
    (f"history?{SPAN}&step=1s", "step"),
    (f"history?{SPAN}&step=NaN", "step"),
    (f"history?{SPAN}&step=" + "9" * 30, "step"),
    (f"history?{SPAN}&metrics=laeq,evil", "metrics"),
    (f"history?{SPAN}&metrics=%27;drop table minutes;--", "metrics"),
    (f"history?{SPAN}&metrics=laeq%0a", "metrics"),
    (f"history?{SPAN}&hours=2", "hours"),
    (f"history?{SPAN}&colour=red", "colour"),
    ("history?until=2026-03-29T00:00:00Z", "from"),
    ("history?step=1min", "from"),
    ("history?hours=nan", "hours"),
    ("history?from=2026-03-29T00:00:00Z&until=2026-03-28T00:00:00Z", "until"),
    ("summary?period=noon", "period"),
    ("summary?period=1min&from=1990-01-01T00:00:00Z", "from"),
    ("summary?date=2026-02-30", "date"),
    ("summary?date=20260328", "date"),
    ("summary?date=2026-03-28&from=2026-03-28T00:00:00Z", "date"),
    ("summary?until=2026-03-28T00:00:00Z", "from"),
    ("summary?least_coverage=1.1", "least_coverage"),
    ("summary?least_coverage=nan", "least_coverage"),
    (f"exceedances?{SPAN}", "level"),
    (f"exceedances?{SPAN}&level=inf", "level"),
    (f"exceedances?{SPAN}&level=70&step=auto", "step"),
    (f"exceedances?{SPAN}&level=70&metric=lp", "metric"),
    (f"exceedances?{SPAN}&level=70&comparator=lt", "comparator"),
    ("exceedances?level=70", "from"),
    ("allowance", "limit_db"),
    ("allowance?limit_db=75", "period"),
    ("allowance?limit_db=75&period=1h&period_s=3600", "period"),
    ("allowance?limit_db=75&period=parts", "period"),
    ("allowance?limit_db=75&period=5h", "period"),
    ("allowance?limit_db=75&period_s=36000", "period"),
    ("allowance?limit_db=75&from=2026-03-28T00:00:00Z", "until"),
    ("allowance?limit_db=75&from=2026-03-01T00:00:00Z&until=2026-03-28T00:00:00Z", "until"),
    ("allowance?limit_db=nan&period=1h", "limit_db"),
    ("export", "from"),
    (f"export?{SPAN}&format=pdf", "format"),
    (f"export?{SPAN}&what=raw", "what"),
    (f"export?{SPAN}&what=frames&metrics=laeq", "metrics"),
    (f"export?{SPAN}&metrics=lp", "metrics"),
    (f"export?{SPAN}&what=summary&period=x", "period"),
    (f"export?{SPAN}&decimal=;", "decimal"),
]


def test_what_cannot_be_is_refused_by_name(get: Get) -> None:
    for query, field in HOSTILE:
        answer = get(f"a/{query}", 422)
        assert answer["errors"][0]["field"] == field, (query, answer)
        assert field.split("_")[0] in answer["detail"], query


def test_a_record_that_cannot_be_read_is_a_problem_and_not_a_broken_answer(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise DiskTrouble("the record at x cannot be read: torn page")

    monkeypatch.setattr("slmm.record.store.Store.read", fail)
    for query in (f"history?{SPAN}", f"summary?{SPAN}", f"export?{SPAN}&format=xlsx"):
        assert get(f"a/{query}", 500)["code"] == "disk_trouble"


# -- summaries --------------------------------------------------------------------------------------


def test_a_night_of_the_date_it_starts_on(get: Get) -> None:
    found = get("a/summary?period=night&date=2026-03-28")
    (night,) = found["periods"]
    assert (night["date"], night["starts_at"], night["duration_s"]) == (
        "2026-03-28",
        "2026-03-28T22:00:00.000Z",
        7 * 3600,
    )
    assert (night["laeq"], night["coverage"], night["judged"]) == (75.3, round(90 / 420, 4), False)
    assert get("a/summary?period=night&date=2026-03-28&least_coverage=0.2")["periods"][0]["judged"] is True
    assert found["ratings"] == []


def test_a_day_has_ratings_and_today_is_the_default(get: Get) -> None:
    found = get("a/summary")
    assert (found["period"], found["count"], found["periods"][0]["is_open"]) == ("24h", 1, True)
    assert found["ratings"][0]["lden"] is None
    parts = get("a/summary?period=parts&date=2026-03-28")
    assert [each["period"] for each in parts["periods"]] == ["day", "evening", "night"]
    assert (parts["ratings"][0]["date"], parts["names"]["laeq"]["name"]) == ("2026-03-28", "LAeq,T")


def test_an_exclusion_gives_both_results_and_says_who(app: Flask, get: Get) -> None:
    book = RemarkBook(app.extensions["slmm"].database)
    begin = NIGHT + timedelta(minutes=90)
    book.add("a", NewRemark(begin, begin + timedelta(minutes=30), "foreign", True, "a helicopter"), "ada")
    (hour,) = get("a/summary?period=1h&from=2026-03-28T23:00:00Z&until=2026-03-29T00:00:00Z")["periods"]
    assert (hour["laeq"], hour["coverage"], hour["as_recorded"]["laeq"]) == (None, 0.0, 80.0)
    assert hour["flags"] == ["gap", "excluded"]
    (span,) = get(f"a/summary?{SPAN}&period=1h")["exclusions"]
    assert (span["reason"], span["who"], span["text"]) == ("foreign", "ada", "a helicopter")
    assert get(f"a/exceedances?{SPAN}&level=70")["exceeding"] == 0
    assert "23:30:00+00:00 to" in get(f"a/export?{SPAN}&what=summary").text


def test_exceedances_are_runs(get: Get) -> None:
    found = get(f"a/exceedances?{SPAN}&level=70&step=15min")
    assert (found["periods"], found["exceeding"], found["not_judged"], found["name"]) == (8, 2, 2, "LAeq,15min")
    (run,) = found["exceedances"]
    assert (run["starts_at"], run["duration_s"], run["highest"]) == ("2026-03-28T23:30:00.000Z", 1800, 80.0)


def test_an_allowance_of_a_span(get: Get) -> None:
    found = get("a/allowance?limit_db=75&from=2026-03-28T22:00:00Z&until=2026-03-29T08:00:00Z")
    assert found["used_percent"] == 16.1  # (60·10^6 + 30·10^8) / (600·10^7.5)
    assert found["rest_s"] == 0
    assert get("a/allowance?limit_db=75&period=night")["is_lost"] is False
    assert get("a/allowance?limit_db=75&period_s=43200")["rest_s"] > 0


# -- exports ----------------------------------------------------------------------------------------


def test_an_export_is_a_file_of_its_own_name(get: Get) -> None:
    answer = get(f"a/export?{SPAN}&metrics=laeq")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=a_minutes_20260328T220000Z_20260329T000000Z.csv"
    )
    assert answer.headers["Cache-Control"] == "no-store"
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert [float(row["laeq"]) for row in rows] == [60.0] * 60 + [80.0] * 30


def test_other_forms_can_be_read_by_others(get: Get, tmp_path: Any) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(get(f"a/export?{SPAN}&format=parquet&what=hours").data)
    with duckdb.connect() as reader:
        assert reader.execute(f"select laeq, coverage_percent from '{path}'").fetchall() == [
            (60.0, 100.0),
            (80.0, 50.0),
        ]
    assert get(f"a/export?{SPAN}&format=xlsx&what=days").data[:2] == b"PK"


def test_nothing_is_left_when_nobody_reads_it(app: Flask) -> None:
    runtime = app.extensions["slmm"]
    _, secret = runtime.tokens.create("reader", "viewer", None, None, "test")
    headers = {"Authorization": f"Bearer {secret}"}
    folder = runtime.settings.data_dir / "exports"
    for method in ("HEAD", "GET"):
        with app.test_client().open(
            f"{BASE}/a/export?{SPAN}&format=parquet", method=method, headers=headers, buffered=False
        ) as answer:
            assert answer.status_code == 200
    eventually(lambda: folder.exists() and not list(folder.iterdir()))


# -- who may ----------------------------------------------------------------------------------------

GOOD = (
    f"history?{SPAN}",
    f"summary?{SPAN}&period=1h",
    f"exceedances?{SPAN}&level=70",
    "allowance?limit_db=75&period=1h",
)


def test_a_guest_sees_levels_of_its_units_and_no_lines_or_names(app: Flask) -> None:
    runtime = app.extensions["slmm"]
    RemarkBook(runtime.database).add(
        "a", NewRemark(NIGHT, NIGHT + timedelta(minutes=5), "other", True, "the neighbour's dog"), "ada"
    )
    _, secret = runtime.shares.create("link", ("a",), None, "test")
    guest = app.test_client()
    guest.set_cookie("slmm_share", secret)
    for query in (
        f"history?{SPAN}&step=1min",
        f"summary?{SPAN}&period=1h",
        f"exceedances?{SPAN}&level=70",
        "allowance?limit_db=75&period=1h",
    ):
        answer = guest.get(f"{BASE}/a/{query}")
        assert answer.status_code == 200, answer.text
        assert "ada" not in answer.text
        assert "dog" not in answer.text
        assert guest.get(f"{BASE}/b/{query}").status_code == 404
    assert guest.get(f"{BASE}/a/summary?{SPAN}&period=1h").json["exclusions"][0]["reason"] == "other"
    for finer in (f"history?{SPAN}", f"history?{SPAN}&step=1s", f"exceedances?{SPAN}&level=70&step=30s"):
        assert guest.get(f"{BASE}/a/{finer}").status_code == 403, finer
    assert guest.get(f"{BASE}/a/export?{SPAN}").status_code == 403
    assert app.test_client().get(f"{BASE}/a/history?{SPAN}").status_code == 401


def test_a_unit_of_nobody_is_404(get: Get) -> None:
    for query in (
        f"history?{SPAN}",
        "summary",
        f"exceedances?{SPAN}&level=1",
        "allowance?limit_db=1&period=1h",
        f"export?{SPAN}",
    ):
        assert get(f"ghost/{query}", 404)["code"] == "not_found"
