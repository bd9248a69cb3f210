"""What holds for the interface as a whole: description, roles, headers, foreign pages."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from slmm.web.access import needed_role
from tests.web.conftest import BASE

PORTAL = "https://portal.example.org"
PAGES = {f"pages.{name}" for name in ("wall", "roster", "unit", "alerts", "docs", "login", "setup", "share", "admin")}
PAGES |= {f"pages.unit_{name}" for name in ("files", "settings", "log", "diagnosis")}
PAGES |= {f"pages.admin_{name}" for name in ("users", "tokens", "shares", "channels", "limits", "audit")}
PAGES |= {"pages.shared", "pages.account", "pages.words"}
PAGES |= {"pages.history", "pages.unit_history", "pages.unit_limits"}
PAGES |= {"pages.roster_add", "pages.roster_import"}
PAGES |= {f"pages.admin_{name}" for name in ("system", "logs", "retention", "backup")}
PAGES |= {"acknowledge.show_incident", "acknowledge.acknowledge_incident"}
DESCRIBED_ELSEWHERE = {"static", "health.openapi_json", *PAGES}


def test_every_route_declares_its_role(client: FlaskClient) -> None:
    app = client.application
    without = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static" and needed_role(app.view_functions[rule.endpoint]) is None
    ]
    assert without == []


def test_every_operation_is_described_and_the_description_is_valid(client: FlaskClient) -> None:
    spec: dict[str, Any] = client.get("/openapi.json").json
    validate(spec)
    described = set(spec["paths"])
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint in DESCRIBED_ELSEWHERE or rule.websocket:
            continue
        assert re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) in described, rule.rule


def test_every_error_is_a_problem(client: FlaskClient) -> None:
    missing, wrong = client.get("/nowhere"), client.patch(f"{BASE}/roster")
    assert (missing.status_code, missing.mimetype) == (404, "application/problem+json")
    assert (wrong.status_code, "POST" in wrong.headers["Allow"]) == (405, True)
    assert set(missing.json) == {"type", "title", "status", "detail", "code", "instance"}


def test_every_answer_protects_the_browser(client: FlaskClient) -> None:
    for path in ("/", "/docs", "/health", f"{BASE}/roster", "/static/js/slmm-client.js"):
        with client.get(path) as answer:
            headers = answer.headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_of_another_site_cannot_act(client: FlaskClient) -> None:
    body = {"unit_id": "a", "host": "10.0.0.1"}
    foreign = client.post(f"{BASE}/roster", json=body, headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json["code"]) == (403, "not_allowed")
    own = client.post(f"{BASE}/roster", json=body, headers={"Origin": "http://localhost"})
    assert own.status_code == 200


def test_only_listed_origins_may_read_from_elsewhere(client: FlaskClient) -> None:
    allowed = client.get(f"{BASE}/roster", headers={"Origin": PORTAL})
    assert allowed.headers["Access-Control-Allow-Origin"] == PORTAL
    assert (
        "Access-Control-Allow-Origin"
        not in client.get(f"{BASE}/roster", headers={"Origin": "https://x.example"}).headers
    )
    preflight = client.options(f"{BASE}/roster", headers={"Origin": PORTAL, "Access-Control-Request-Method": "POST"})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, PORTAL)


def test_a_unit_page_of_nobody_is_404(client: FlaskClient) -> None:
    assert client.get("/unit/ghost").status_code == 404
    assert client.get("/roster").status_code == 200


@pytest.mark.parametrize("folder", ["static/vendor", "tests/browser/vendor"])
def test_the_vendored_files_are_those_of_the_manifest(folder: str) -> None:
    vendor = Path(__file__).resolve().parents[2] / folder
    manifest = json.loads((vendor / "manifest.json").read_text())
    listed = {
        vendor / package["folder"] / name: digest
        for package in manifest["packages"]
        for name, digest in package["files"].items()
    }
    present = {path for path in vendor.rglob("*") if path.is_file() and path.name != "manifest.json"}
    assert present == set(listed)
    for path, digest in listed.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path.name


def test_the_data_directory_is_for_the_service_alone(client: FlaskClient) -> None:
    directory = client.application.extensions["slmm"].settings.data_dir
    assert directory.stat().st_mode & 0o777 == 0o700
