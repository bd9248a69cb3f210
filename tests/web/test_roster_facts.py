"""What people know a unit by: its name, its site and where it stands."""

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from tests.web.conftest import BASE

Add = Callable[..., str]
FACTS = {"name": "Gate north", "site": "Harbour", "latitude": 53.5, "longitude": 10}


def facts(client: FlaskClient, unit_id: str = "a") -> dict[str, Any]:
    data = client.get(f"{BASE}/{unit_id}/config").json["data"]
    return {name: data[name] for name in FACTS}


def test_facts_are_kept_and_stay_when_something_else_changes(client: FlaskClient, add: Add) -> None:
    add(**FACTS)
    assert facts(client) == FACTS
    client.put(f"{BASE}/a/config", json={"host": "10.0.0.9"})
    assert facts(client) == FACTS
    entry = client.get(f"{BASE}/roster").json["devices"][0]
    assert (entry["name"], entry["latitude"]) == ("Gate north", 53.5)


def test_null_or_blanks_take_a_fact_away(client: FlaskClient, add: Add) -> None:
    add(**FACTS)
    body = {"name": "  ", "site": None, "longitude": None}
    assert client.put(f"{BASE}/a/config", json=body).status_code == 200
    assert facts(client) == dict.fromkeys(FACTS)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"latitude": 53.5}, "neither of them"),
    ({"latitude": 90.1, "longitude": 0}, "latitude"),
    ({"latitude": 0, "longitude": -180.1}, "longitude"),
    ({"name": "x" * 81}, "name"),
    ({"site": "a\nb"}, "site"),
]


def test_facts_that_cannot_be_are_refused(client: FlaskClient, add: Add) -> None:
    add(**FACTS)
    for body, said in REFUSED:
        answer = client.put(f"{BASE}/a/config", json=body)
        assert (answer.status_code, said in answer.json["detail"]) == (422, True), answer.json
    assert facts(client) == FACTS
