"""Settings: typed, every mistake at once, 0.4.0's names understood."""

from pathlib import Path

import pytest

from slmm import settings
from slmm.errors import Invalid


def test_defaults_are_those_of_the_contract() -> None:
    found = settings.load({}, None)
    assert (found.host, found.port, found.monitor_heartbeat_s, found.tcp_idle_ttl) == ("127.0.0.1", 8100, 25.0, -1)


def test_names_without_prefix_are_understood_and_ours_win() -> None:
    assert settings.load({"MONITOR_POLL_INTERVAL": "2"}, None).monitor_poll_interval == 2
    both = {"MONITOR_POLL_INTERVAL": "2", "SLMM_MONITOR_POLL_INTERVAL": "3"}
    assert settings.load(both, None).monitor_poll_interval == 3


def test_the_environment_wins_over_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("SLMM_PORT=9001\nSLMM_TIMEZONE=Europe/Berlin\n")
    found = settings.load({"SLMM_PORT": "9002"}, dotenv)
    assert (found.port, found.timezone) == (9002, "Europe/Berlin")


def test_every_mistake_is_reported_at_once_with_the_nearest_name() -> None:
    wrong = {"SLMM_PROT": "1", "SLMM_PORT": "99999", "SLMM_TIMEZONE": "Mars/Olympus", "SLMM_CORS_ORIGINS": "*"}
    with pytest.raises(Invalid) as caught:
        settings.load(wrong, None)
    said = str(caught.value)
    for part in ("SLMM_PROT is not a setting; did you mean SLMM_PORT?", "99999", "Mars/Olympus", "'*'"):
        assert part in said


def test_ports_for_the_meters_calls_are_a_range() -> None:
    assert settings.load({"SLMM_FTP_DATA_PORTS": "50000-50019"}, None).ftp_data_ports == (50_000, 50_019)
    assert settings.load({}, None).ftp_data_ports is None
    for text in ("50000", "50019-50000", "0-5", "1-70000", "a-b"):
        with pytest.raises(Invalid, match="no range of ports"):
            settings.load({"SLMM_FTP_DATA_PORTS": text}, None)


@pytest.mark.parametrize("rate", ["often", "10 per fortnight", "0 per minute", "10 per minute;", "10/minute"])
def test_a_rate_that_is_none_is_refused_with_an_example(rate: str) -> None:
    with pytest.raises(Invalid, match="is no rate, such as 600 per minute"):
        settings.load({"SLMM_REQUEST_RATE": rate}, None)
    assert settings.load({"SLMM_LOGIN_RATE": "5 per minute; 20 per day"}, None).login_rate == "5 per minute; 20 per day"
    assert settings.load({"SLMM_REQUEST_RATE": ""}, None).request_rate == ""
