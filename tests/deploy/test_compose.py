"""deploy/compose.yaml: what it mounts exists, what it sets is known, and it leaves the service time to stop."""

import re
from typing import Any

import yaml

from slmm import settings
from tests.deploy.image import environment, stages, values
from tests.server import TOP

FILE = TOP / "deploy/compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE = stages((TOP / "Dockerfile").read_text())[-1]
GIVEN = {"SLMM_SITE": "slmm.example.org", "SLMM_TIMEZONE": "Europe/Berlin", "SLMM_FTP_DATA_ADDRESS": "192.0.2.7"}


def filled(text: str, given: dict[str, str]) -> str:
    """``${NAME}``, ``${NAME:-default}`` and ``${NAME:?why}`` as Compose reads them."""

    def value(match: re.Match[str]) -> str:
        name, mark, rest = match["name"], match["mark"], match["rest"] or ""
        assert given.get(name) or mark != ":?", rest
        return given.get(name) or (rest if mark == ":-" else "")

    return re.sub(r"\$\{(?P<name>\w+)(?:(?P<mark>:[-?])(?P<rest>[^}]*))?\}", value, text)


def test_the_settings_are_known_and_a_login_is_asked_for() -> None:
    for given in (GIVEN, {"SLMM_SITE": "slmm.example.org"}):
        named = {name: filled(value, given) for name, value in SERVICES["slmm"]["environment"].items()}
        found = settings.load(environment(IMAGE) | named, None)
        assert (found.requires_login, found.proxy_hops) == (True, 1)
        assert found.public_url == "https://slmm.example.org"


def test_every_file_and_volume_is_there() -> None:
    used = set()
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (FILE.parent / source).is_file(), f"{name}: {source}"
            else:
                used.add(source)
    assert used == set(COMPOSE["volumes"])
    assert SERVICES["slmm"]["volumes"] == [f"slmm-data:{values(IMAGE, 'VOLUME')[0]}"]
    assert (FILE.parent / SERVICES["slmm"]["build"] / "Dockerfile").is_file()


def test_files_of_meters_come_in_at_the_ports_the_service_names() -> None:
    ports = SERVICES["slmm"]["environment"]["SLMM_FTP_DATA_PORTS"]
    assert SERVICES["slmm"]["ports"] == [f"{ports}:{ports}"], "and at no other: the pages go through Caddy"


def test_caddy_asks_where_the_service_listens() -> None:
    assert SERVICES["caddy"]["environment"]["SLMM_UPSTREAM"] == f"slmm:{environment(IMAGE)['SLMM_PORT']}"
    assert SERVICES["caddy"]["depends_on"]["slmm"]["condition"] == "service_healthy"


def test_there_is_time_to_stop_and_little_to_break_into() -> None:
    graceful_s = int(re.search(r"graceful_timeout = (\d+)", (TOP / "gunicorn.conf.py").read_text())[1])  # type: ignore[index]
    slmm = SERVICES["slmm"]
    assert int(slmm["stop_grace_period"].removesuffix("s")) > graceful_s
    assert (slmm["read_only"], slmm["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in slmm["security_opt"]


def test_prometheus_asks_the_service_with_its_token() -> None:
    asking = yaml.safe_load((TOP / "deploy/prometheus/prometheus.yml").read_text())
    mounted = {mount.split(":")[1] for mount in SERVICES["prometheus"]["volumes"]}
    assert set(asking["rule_files"]) <= mounted
    scrape = asking["scrape_configs"][0]
    assert scrape["static_configs"] == [{"targets": [SERVICES["caddy"]["environment"]["SLMM_UPSTREAM"]]}]
    secret = scrape["authorization"]["credentials_file"].removeprefix("/run/secrets/")
    assert SERVICES["prometheus"]["secrets"] == [secret]
    assert secret in COMPOSE["secrets"]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    """Grafana looks for its sources and folders below /etc/grafana/provisioning."""
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    places = {target: FILE.parent / source for source, target in mounts.items() if source.startswith(".")}
    provided: dict[str, Any] = {}
    for target, source in places.items():
        if target.startswith("/etc/grafana/provisioning/"):
            kind = target.split("/")[4]
            provided[kind] = yaml.safe_load(source.read_text())
    (source,) = provided["datasources"]["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (folder,) = provided["dashboards"]["providers"]
    assert [target for target in places if target.startswith(f"{folder['options']['path']}/")] == [
        f"{folder['options']['path']}/slmm.json"
    ]
