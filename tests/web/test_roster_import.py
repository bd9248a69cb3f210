"""The roster as a file: there and back, from spreadsheets of any country, and each line with its verdict."""

import csv
import io
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmm.errors import Invalid
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.web.api import roster_csv
from tests.web.conftest import BASE

Add = Callable[..., str]


def sent(client: FlaskClient, text: str, *, dry: bool = False) -> Any:
    return client.post(f"{BASE}/_roster/import?dry_run={str(dry).lower()}", json={"text": text})


def verdicts(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    return [(line["unit_id"], line["verdict"]) for line in answer.json["lines"]]


def config(client: FlaskClient, unit_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{BASE}/{unit_id}/config").json["data"]
    return found


def test_the_roster_goes_out_and_comes_back_as_it_was(client: FlaskClient, add: Add) -> None:
    add(unit_id="a", name='Gate "north", west', site="Hafen Ost", latitude=-53.5, longitude=10.25, ftp_password="hush")
    add(unit_id="b", name="=1+1", monitor_enabled=True)
    file = client.get(f"{BASE}/_roster/file")
    assert (file.mimetype, "attachment" in file.headers["Content-Disposition"]) == ("text/csv", True)
    assert "hush" not in file.text
    assert "hush" not in sent(client, "unit_id,ftp_password\na,hush2\n", dry=True).text
    assert "'=1+1" in file.text  # no spreadsheet runs it
    before = [config(client, unit_id) for unit_id in ("a", "b")]
    assert verdicts(sent(client, file.text)) == [("a", "same"), ("b", "same")]
    for unit_id in ("a", "b"):
        client.delete(f"{BASE}/{unit_id}/config")
    assert verdicts(sent(client, file.text)) == [("a", "new"), ("b", "new")]
    after = [config(client, unit_id) for unit_id in ("a", "b")]
    before[0]["ftp_password_set"] = False  # it never left the service
    assert after == before


def test_a_dry_run_says_what_would_be_and_does_nothing(client: FlaskClient, add: Add) -> None:
    add(unit_id="a", name="Gate")
    rows = ("unit_id;Host;latitude;longitude;name", "a;10.0.0.9;53,55;10,01;", "new;10.0.0.2;;;Yard", "bad;no host!;;;")
    text = "\ufeff" + "\r\n".join(rows)
    dry = sent(client, text, dry=True)
    assert verdicts(dry) == [("a", "changed"), ("new", "new"), ("bad", "refused")]
    changes = dry.json["lines"][0]["changes"]
    assert [change["field"] for change in changes] == ["name", "host", "latitude", "longitude"]
    assert changes[0] == {"field": "name", "before": "Gate", "after": ""}
    assert (dry.json["lines"][2]["line"], dry.json["lines"][2]["problems"][0]["field"]) == (4, "host")
    assert (config(client, "a")["host"], client.get(f"{BASE}/new/config").status_code) == ("127.0.0.1", 404)
    done = sent(client, text)
    assert (done.json["added"], done.json["changed"], done.json["refused"]) == (1, 1, 1)
    changed = config(client, "a")
    assert (changed["host"], changed["latitude"], changed["name"]) == ("10.0.0.9", 53.55, None)
    assert config(client, "new")["tcp_port"] == 2255


REFUSED = {
    "a,10.0.0.1,70000,,": "tcp_port",
    "b,10.0.0.1,22.5,,": "tcp_port",
    "c,10.0.0.1,,north,": "latitude",
    "d,10.0.0.1,,53.5,": "longitude",
    "e,10.0.0.1,,91,10": "latitude",
    "f,10.0.0.1,,nan,10": "latitude",
    "g,,,,": "host",
    "_x,10.0.0.1,,,": "unit_id",
    ",10.0.0.1,,,": "unit_id",
    "h,10.0.0.1,,,,more": "text",
}
NO_FILES = {
    "unit_id,host,colour\na,b,c": "'colour' is no column",
    "host,tcp_port\nb,1": "unit_id is missing",
    "unit_id,host,host\na,b,c": "stands there twice",
    "unit_id,host\n": "no line below",
    'unit_id,host\na,"b': "is no CSV",
    "  ": "unit_id is missing",
}


def test_what_cannot_be_is_refused_with_its_field(client: FlaskClient) -> None:
    answer = sent(client, "\n".join(["unit_id,host,tcp_port,latitude,longitude,,", *REFUSED]))
    assert [line["problems"][0]["field"] for line in answer.json["lines"]] == list(REFUSED.values())
    assert (answer.json["added"], answer.json["refused"]) == (0, len(REFUSED))


def test_a_file_that_is_none_is_refused_as_a_whole(client: FlaskClient) -> None:
    for text, said in NO_FILES.items():
        answer = sent(client, text)
        assert (answer.status_code, said in answer.json["detail"]) == (422, True), answer.json


def test_a_unit_twice_in_the_file_is_taken_once(client: FlaskClient) -> None:
    answer = sent(client, "unit_id,host\na,10.0.0.1\na,10.0.0.2\n")
    assert verdicts(answer) == [("a", "new"), ("a", "refused")]
    assert config(client, "a")["host"] == "10.0.0.1"


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,8}", fullmatch=True),
        st.tuples(
            NAMES, NAMES, st.integers(1, 65_535), st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180))
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_unit_is_called_a_file_brings_it_back(units: dict[str, Any]) -> None:
    devices = [
        Device(
            unit_id,
            "10.0.0.1",
            port,
            name=name or None,
            site=site or None,
            latitude=at and at[0],
            longitude=at and at[1],
        )
        for unit_id, (name, site, port, at) in units.items()
    ]
    empty = Roster(Database.open("sqlite:////nowhere/none.db"))
    lines = roster_csv.read(roster_csv.written(devices), empty)
    assert [line.device for line in lines] == devices


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_it_stumble(text: str) -> None:
    empty = Roster(Database.open("sqlite:////nowhere/none.db"))
    for whole in (text, f"unit_id,host\n{text}", f"unit_id;name\n{text}"):
        try:
            lines = roster_csv.read(whole, empty)
        except Invalid:
            continue
        assert all(line.verdict in roster_csv.VERDICTS for line in lines)
    assert list(csv.reader(io.StringIO(roster_csv.written([]).removeprefix("\ufeff")))) == [list(roster_csv.COLUMNS)]
