"""The working pages of a unit in a real browser: control, files, log, diagnosis, settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.browser.conftest import Browser
from tests.conftest import FAST_EMULATOR
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

ONE_SECOND = (
    *("--register", "Lp Store Interval=100ms", "--register", "Leq Calculation Interval Preset=Manual"),
    *("--register", "Leq Calculation Interval (Num)=1", "--register", "Leq Calculation Interval (Unit)=s"),
)
AUTO = ("--card", "--register", "Store Mode=Auto", "--register", "FTP=On", *ONE_SECOND)
FITS = "document.documentElement.scrollWidth <= innerWidth"
"""Sooner or later: a chart is drawn anew when the window has changed."""
FILE = "/NL-43/Auto_0777/Auto_Lp_01/NL_0001_SLM_Lp _0777_0001.rnd"


@pytest.fixture(scope="module")
def meters() -> Iterator[RunningEmulator]:
    """One meter for each journey."""
    with running_emulator(6, *FAST_EMULATOR, *AUTO) as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, meters: RunningEmulator) -> Iterator[RunningServer]:
    """A server that reads them."""
    quick = {"SLMM_DEVICE_PACING_S": "0.05", "SLMM_MONITOR_POLL_INTERVAL": "0.2", "SLMM_FTP_SETTLE_S": "0.1"}
    patience = {"SLMM_FTP_RETRY_S": "0.1", "SLMM_REPLY_TIMEOUT_S": "1", "SLMM_CONNECT_TIMEOUT_S": "1"}
    running = RunningServer(tmp_path_factory.mktemp("site"), {**quick, **patience})
    running.start()
    for index, meter in enumerate(meters.meters):
        running.add(f"m{index}", meter, ftp_enabled=True, ftp_port=meter.ftp_port)
    yield running
    running.kill()


def post(site: RunningServer, path: str, body: Any = None) -> Any:
    answer = requests.post(f"{site.api}{path}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def says(selector: str, text: str) -> str:
    return f"document.querySelector({selector!r})?.textContent.includes({text!r})"


def confirm(browser: Browser) -> None:
    browser.click("dialog[open] button[type=submit]")


def is_for_everybody(browser: Browser) -> None:
    """Nothing for axe, nothing for the policy, nothing beyond the edge of a phone."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        browser.resize(width, 900)
        browser.scheme(scheme)
        assert browser.axe() == []
        browser.until(FITS)
    browser.resize(320, 800)
    browser.until(FITS)
    assert browser.csp_reports() == []


def test_a_stop_asks_first_waits_for_the_meter_and_a_refusal_says_why(
    site: RunningServer, meters: RunningEmulator, browser: Browser
) -> None:
    browser.open(f"{site.url}/unit/m0")
    browser.until(says("#run-state", "measuring"))
    browser.until(says("#control-reasons", "Start, Start cycle: A measurement runs already."))
    assert browser.evaluate("document.querySelector('#start').getAttribute('aria-disabled')") == "true"
    browser.evaluate("document.querySelector('#start').click()")
    assert browser.text("#outcome") == "A measurement runs already."

    browser.click("#stop")
    assert "begin anew with the next start" in browser.text("dialog[open]")
    browser.press("Escape")
    browser.until(says("#outcome", "Nothing was sent."))
    assert "measuring" in browser.text("#run-state")

    browser.click("#pause")
    browser.until(says("#run-state", "paused"))
    browser.click("#resume")
    browser.until(says("#run-state", "measuring"))

    meters.client.fault(0, "late_reply", value=0.7, only="Measure,Stop")
    browser.click("#stop")
    confirm(browser)
    browser.until(says("#outcome", "stop sent; waiting for the meter"))
    assert "measuring" in browser.text("#run-state"), "nothing is claimed before the meter confirms"
    browser.until(says("#outcome", "The meter confirmed: stop."))
    browser.until("document.querySelector('#run-state').textContent === 'stopped'")

    browser.click("#start")
    browser.until(says("#outcome", "Start cycle finds a free one"))
    meters.client.register(0, "Store Name", "0500")
    browser.click("#start")
    browser.until(says("#outcome", "The meter confirmed: start."))
    browser.until(says("#run-state", "measuring"))
    meters.client.keypad(0, "stop")
    browser.click("#stop")
    confirm(browser)
    browser.until(says("#outcome", "Nothing runs at the meter any more"))
    assert "R+0004" in browser.text("#outcome")
    is_for_everybody(browser)


def test_the_end_of_a_cycle_brings_the_files_home_step_by_step(site: RunningServer, browser: Browser) -> None:
    post(site, "/m1/stop")
    browser.open(f"{site.url}/unit/m1")
    browser.until("document.querySelector('#run-state').textContent === 'stopped'")
    browser.click("#start-cycle")
    confirm(browser)
    browser.until(says("#outcome", "measuring under store name 0002"), 30)
    browser.until(says("#run-state", "measuring"))
    browser.click("#stop-cycle")
    confirm(browser)
    browser.until(says("#control-steps", "FTP off and on"))
    browser.open(f"{site.url}/unit/m1")
    browser.until(says("#control-steps", "FTP off and on"))
    browser.until(says("#outcome", "Auto_0002 is here, whole and checked."), 40)
    assert browser.evaluate(
        "[...document.querySelectorAll('#control-steps li')].every(e => e.dataset.state === 'done')"
    )


def test_a_file_that_broke_off_says_why_and_is_gone_on_with(
    site: RunningServer, meters: RunningEmulator, browser: Browser
) -> None:
    card = meters.meters[2].card
    assert card is not None
    file = Path(card, FILE[1:])
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(range(256)) * 3000)
    meters.client.quirk(2, "ftp_has_rest", True)
    meters.client.ftp(2, break_after_bytes=20_000, break_times=1000, break_how="cut")
    browser.open(f"{site.url}/unit/m2/files")
    for name in ("Auto_0777/", "Auto_Lp_01/"):
        browser.until(f"[...document.querySelectorAll('.entry-name')].some(e => e.textContent === {name!r})")
        browser.evaluate(f"[...document.querySelectorAll('.entry-name')].find(e => e.textContent === {name!r}).click()")
    browser.until("document.querySelector('#listing .files-table')?.textContent.includes('.rnd')")
    browser.click("#listing tbody button")
    browser.until("document.querySelector('.transfer')?.dataset.state === 'failed'", 60)
    assert "going on begins where it stopped" in browser.text(".transfer")
    assert FILE in browser.text(".transfer")
    is_for_everybody(browser)

    meters.client.ftp(2)
    browser.evaluate("[...document.querySelectorAll('.transfer button')].find(e => e.textContent === 'Go on').click()")
    browser.until("document.querySelector('.transfer')?.dataset.state === 'done'", 30)
    assert "gone on with where it had stopped" in browser.text(".transfer")
    assert "SHA-256" in browser.text(".transfer")
    link = browser.evaluate("document.querySelector('.transfer a').href")
    assert requests.get(link, timeout=40).content == file.read_bytes()


def test_the_log_is_followed_held_and_filtered(site: RunningServer, browser: Browser) -> None:
    browser.open(f"{site.url}/unit/m3/log")
    browser.until("document.querySelector('#link').dataset.state === 'live'")
    browser.until("document.querySelectorAll('.log-line').length > 0")
    requests.get(f"{site.api}/m3/battery", timeout=40)
    new = "[...document.querySelectorAll('.log-line.is-new .message')].map((each) => each.textContent)"
    browser.until(f"{new}.some((message) => message.startsWith('Battery Level?'))")  # others may come after it
    browser.press("p")
    browser.until("document.querySelector('#log-follow').getAttribute('aria-pressed') === 'false'")
    requests.get(f"{site.api}/m3/overwrite-check", timeout=40)
    browser.until(says("#log-follow", "new line"))
    assert "Overwrite?" not in browser.text("#log-lines")
    browser.press("p")
    browser.until(says("#log-lines", "Overwrite?"))
    browser.evaluate(
        "(s => { s.value = 'ERROR'; s.dispatchEvent(new Event('change')); })(document.querySelector('#log-level'))"
    )
    browser.until("!document.querySelector('#log-empty').hidden")
    assert "choose another filter" in browser.text("#log-empty")
    is_for_everybody(browser)


def test_the_diagnosis_of_a_wedged_and_of_an_unplugged_meter_names_the_cure(
    site: RunningServer, meters: RunningEmulator, browser: Browser
) -> None:
    post(site, "/m4/disconnect")
    meters.client.fault(4, "refused_control_port", value=60)
    browser.open(f"{site.url}/unit/m4/diagnosis")
    browser.until("document.querySelector('.finding')?.dataset.code === 'wedged'")
    assert "switching the meter off and on" in browser.text(".finding")
    assert "trying more often makes it worse" in browser.text(".finding")
    browser.until("!document.querySelector('#look-again').disabled")
    is_for_everybody(browser)
    meters.client.fault(4, "unplugged")
    browser.click("#look-again")
    browser.until("document.querySelector('.finding')?.dataset.code === 'refused'", 40)
    assert "Is TCP switched on at the meter" in browser.text(".finding")


def test_a_template_is_sent_and_read_back_and_drift_is_shown_and_restored(
    site: RunningServer, meters: RunningEmulator, browser: Browser
) -> None:
    post(site, "/m5/stop")
    browser.open(f"{site.url}/unit/m5/settings")
    browser.until(says("#settings-outcome", "As the meter said at"), 40)
    browser.evaluate(
        "(s => { s.value = 'construction-site'; s.dispatchEvent(new Event('change')); })"
        "(document.querySelector('#template'))"
    )
    browser.until(says("#changes-note", "2 settings would be changed"))
    browser.click("#apply")
    asked = browser.text("dialog[open]")
    assert "Leq interval on the card: Manual → 15m" in asked
    assert "Lp interval on the card: 100ms → 1s" in asked
    confirm(browser)
    browser.until(says("#settings-outcome", "The meter confirmed 2 changes"), 30)
    browser.until(says("#changes-note", "as the template says"))

    browser.click("#drift-accept")
    confirm(browser)
    browser.until(says("#drift-outcome", "count as the right ones"), 30)
    browser.until(says("#drift-state", "as expected"), 30)

    meters.client.register(5, "Frequency Weighting (Main)", "C")
    browser.click("#read-settings")
    browser.until(says("#drift-state", "one setting differs"), 30)
    assert "Frequency weighting" in browser.text("#drift-items")
    is_for_everybody(browser)
    browser.click("#drift-restore")
    assert "C → A" in browser.text("dialog[open]")
    confirm(browser)
    browser.until(says("#drift-outcome", "The meter confirmed 1 changes"), 30)
    browser.until(says("#drift-state", "as expected"), 40)
    assert requests.get(f"{site.api}/m5/frequency-weighting", timeout=40).json()["frequency_weighting"] == "A"


def test_what_is_wrong_in_the_configuration_is_said_beside_its_field(site: RunningServer, browser: Browser) -> None:
    browser.open(f"{site.url}/unit/m3/settings")
    browser.until("document.querySelector('#zones').childElementCount > 100")
    browser.fill("[data-field=latitude]", "53,5")
    browser.click("#configuration-form button.primary")
    browser.until(says("#error-longitude", "together with latitude"))
    browser.fill("[data-field=longitude]", "10.0")
    browser.fill("[data-field=tcp_port]", "99999")
    browser.click("#configuration-form button.primary")
    browser.until("document.querySelector('[data-field=tcp_port]').getAttribute('aria-invalid') === 'true'")
    browser.fill("[data-field=tcp_port]", str(site.get("/m3/config")["data"]["tcp_port"]))
    browser.click("#configuration-form button.primary")
    browser.until(says("#configuration-outcome", "Saved"))
    data = site.get("/m3/config")["data"]
    assert (data["latitude"], data["longitude"]) == (53.5, 10.0)
