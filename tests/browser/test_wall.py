"""The page of all units in a real browser: tiles, order, sites, map, wall mode, and an empty roster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.browser.conftest import Browser
from tests.browser.premises import QUICK_SERVICE
from tests.conftest import FAST_EMULATOR
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

LEVEL = r"/^\d+\.\d$/"
NAMES = "[...document.querySelectorAll('.tile-name')].map((each) => each.textContent)"
READY = "document.querySelectorAll('.tile').length === 3"
PLACES = {
    "loud": {"name": "North gate", "site": "Pier", "latitude": 53.54, "longitude": 9.95},
    "mild": {"name": "Ward", "site": "Hospital", "latitude": 53.55, "longitude": 9.97},
    "bare": {},
}


def limit(level_db: float, amber_db: float) -> dict[str, Any]:
    rows = [{"from": "00:00", "until": "24:00", "level_db": level_db, "amber_db": amber_db}]
    return {"name": "Order", "quantity": "laeq", "period": {"kind": "fixed", "length": "15min"}, "rows": rows}


@pytest.fixture(scope="module")
def meters() -> Iterator[RunningEmulator]:
    with running_emulator(3, *FAST_EMULATOR) as running:
        yield running


@pytest.fixture(scope="module")
def wall(meters: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Three meters: two with a limit and a place, one with neither."""
    running = RunningServer(tmp_path_factory.mktemp("wall"), QUICK_SERVICE)
    running.start()
    for meter, (unit_id, place) in zip(meters.meters, PLACES.items(), strict=True):
        running.add(unit_id, meter, monitor_enabled=True, **place)
    for unit_id, level_db in (("loud", 10.0), ("mild", 129.0)):
        answer = requests.post(f"{running.api}/{unit_id}/limits", json=limit(level_db, level_db - 5), timeout=40)
        assert answer.status_code == 200, answer.text
    yield running
    running.kill()


def test_tiles_say_verdict_level_period_age_and_move(wall: RunningServer, browser: Browser) -> None:
    browser.open(f"{wall.url}/")
    browser.until(READY)
    browser.until(f"[...document.querySelectorAll('.tile-lp')].every((each) => {LEVEL}.test(each.textContent))", 40)
    browser.until(
        """(() => {
          window.seen ??= new Set();
          window.seen.add([...document.querySelectorAll('.tile-lp')].map((each) => each.textContent).join());
          return window.seen.size >= 3;
        })()"""
    )
    bare = ".tile[data-unit-id=bare]"
    assert browser.text(f"{bare} .tile-verdict") == "live, no limit is set"
    assert browser.text(f"{bare} .tile-main-label").startswith("L")
    assert "running" in browser.text(f"{bare} .tile-about")
    assert browser.text(f"{bare} .tile-age").endswith(" old")
    browser.until("document.querySelector('.tile[data-unit-id=mild] .tile-main-label').textContent === 'LAeq,15min'")
    assert browser.text("#headline").startswith("3 meters: ")
    assert browser.text("#spoken").startswith("3 meters: ")


def test_what_is_chosen_stands_in_the_address_and_keys_choose_too(wall: RunningServer, browser: Browser) -> None:
    browser.open(f"{wall.url}/?sort=name&group=none")
    browser.until(READY)
    assert browser.evaluate(NAMES) == ["bare", "North gate", "Ward"]
    browser.press("g")
    browser.until("document.querySelectorAll('.site').length === 3")
    assert browser.evaluate("[...document.querySelectorAll('.site h2')].map((each) => each.textContent)") == [
        "No site named",
        "Pier",
        "Hospital",
    ]
    browser.press("/")
    browser.type("gate")
    browser.until(f"{NAMES}.join() === 'North gate'")
    browser.fill("#search", "nowhere")
    browser.until("!document.querySelector('#no-match').hidden")
    browser.click("#show-all")
    browser.until(READY)
    browser.evaluate("document.activeElement.blur()")
    browser.press("s")
    assert browser.evaluate("location.search") == "?sort=site&group=site"
    browser.open(f"{wall.url}/?site=Hospital&q=ward")
    browser.until(f"{NAMES}.join() === 'Ward'")
    assert browser.evaluate("[search.value, site.value]") == ["ward", "Hospital"]


def test_a_phone_shows_tiles_first_and_what_chooses_among_them_on_demand(wall: RunningServer, browser: Browser) -> None:
    browser.resize(390, 844)
    browser.open(f"{wall.url}/?site=Hospital")
    browser.until(f"{NAMES}.join() === 'Ward'")
    fields = "document.querySelector('#search').checkVisibility()"
    assert browser.evaluate("document.querySelector('#wall-fold').textContent") == "Filter: Hospital"
    assert browser.evaluate(fields) is False
    assert browser.evaluate("document.querySelector('#controls').getBoundingClientRect().height") < 100
    browser.click("#wall-fold")
    assert browser.evaluate(fields) is True
    browser.fill("#search", "nobody")
    browser.until("document.querySelector('#wall-fold').textContent === 'Filter: “nobody”, Hospital'")
    browser.click("#wall-fold")
    assert browser.evaluate(fields) is False
    browser.click("#show-all")
    browser.until("document.activeElement.id === 'search'")
    assert browser.evaluate(fields) is True
    browser.click("#wall-fold")
    browser.evaluate("document.activeElement.blur()")
    browser.press("/")
    assert browser.evaluate("document.activeElement.id") == "search"
    assert browser.axe() == []
    browser.resize(1280, 900)
    assert browser.evaluate(fields) is True
    assert browser.evaluate("document.querySelector('#wall-fold').checkVisibility()") is False


def test_the_map_has_a_pin_for_each_place_and_names_who_has_none(wall: RunningServer, browser: Browser) -> None:
    browser.open(f"{wall.url}/")
    browser.until(READY)
    browser.press("v")
    browser.until("document.querySelectorAll('#map a.pin').length === 2")
    browser.until("document.querySelector('#map a.pin').textContent.includes('North gate')")
    assert browser.text(".map-partly") == "Without coordinates, and so not on the map: bare."
    assert browser.evaluate("document.querySelector('.map-scale') !== null && location.search") == "?view=map"
    assert browser.axe() == []
    browser.open(f"{wall.url}/?view=map&q=bare")
    browser.until("document.querySelector('.map-nowhere').checkVisibility()")
    assert "latitude and longitude" in browser.text(".map-nowhere")


MAP = """(async () => {
  const { projected, roundLength, spread } = await import('/static/js/wall-map.js');
  const { columns } = await import('/static/js/wall-big.js');
  const { steps } = await import('/static/js/wall-spark.js');
  const [south, north] = projected([{ latitude: 53, longitude: 10 }, { latitude: 54, longitude: 10 }]);
  const labels = spread(Array.from({ length: 20 }, () => ({ x: 500, y: 300 })), { width: 1000, height: 600 });
  const over = labels.some((one, at) => labels.some((other, to) => at < to
    && Math.abs(one.x - other.x) < 70 && Math.abs(one.y - other.y) < 26));
  return [Math.round((north.y - south.y) / 100), [730, 99, 1500].map(roundLength), over,
    [1, 2, 3, 4, 12].map((count) => columns(count, 1920, 1080)), steps([50, null, 60, 200])];
})()"""


def test_the_geometry_of_map_wall_and_curve(wall: RunningServer, browser: Browser) -> None:
    browser.open(f"{wall.url}/")
    apart, lengths, is_over, across, curve = browser.evaluate(MAP)
    assert apart == 1112  # a degree of latitude is 111.2 km
    assert lengths == [500, 50, 1000]
    assert not is_over
    assert across == [1, 2, 2, 2, 4]
    assert curve["line"] == "M0 50.0H1M2 40.0H3V0.0H4"


def test_wall_mode_fills_the_window_without_the_head_and_is_left_again(wall: RunningServer, browser: Browser) -> None:
    browser.resize(1280, 720)
    browser.open(f"{wall.url}/?kiosk=1")
    browser.until(f"{READY} && document.querySelector('#wall').classList.contains('is-big')")
    assert not browser.evaluate("document.querySelector('#top').checkVisibility()")
    fits = "document.documentElement.scrollHeight <= innerHeight + 1"
    assert browser.evaluate(f"{fits} && document.querySelectorAll('.tile').length === 3")
    size = "parseFloat(getComputedStyle(document.querySelector('.tile-main-value')).fontSize)"
    assert browser.evaluate(size) > 100
    browser.press("Escape")
    browser.until("document.querySelector('#top').checkVisibility() && location.search === ''")
    assert browser.evaluate(size) < 50
    browser.evaluate(
        """(() => {
          WakeLock.prototype.request = async () => {
            window.locks = (window.locks ?? 0) + 1;
            return { released: true, release: async () => {} };
          };
        })()"""
    )
    browser.press("f")
    browser.until("window.locks === 1 && location.search === '?kiosk=1'")
    browser.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    browser.until("window.locks === 2")
    assert browser.evaluate(TURNING) == [12, 2, 12, "2 of 2", 2]


TURNING = """(async () => {
  const { BigWall } = await import('/static/js/wall-big.js');
  const big = new BigWall({ isKiosk: true, change() {} }, () => {});
  const tiles = Array.from({ length: 14 }, () => document.createElement('li'));
  const shown = () => tiles.filter((tile) => !tile.hidden).length;
  const now = performance.now;
  const later = (s) => { const then = now.call(performance) + s * 1000; performance.now = () => then; big.tick(); };
  big.pause(false);
  big.lay(tiles);
  const first = shown();
  later(25); // it turns by itself
  const second = shown();
  big.turn(1);
  const third = shown();
  big.turn(1);
  const words = document.getElementById('wall-page').textContent;
  big.pause(true);
  later(600); // and does not while it is stopped
  performance.now = now;
  return [first, second, third, words, shown()];
})()"""


WORST_FIRST = """(async () => {
  const { verdict, summary, worstOf } = await import('/static/js/wall-verdict.js');
  const { chosen, groups } = await import('/static/js/wall-order.js');
  const seen = { isActive: true, isReachable: true, hasReading: true, isStale: false, isBlank: false, ageS: 1 };
  const limit = (word, margin_db) => ({ verdict: word, now: { margin_db, limit_db: 70, level_db: 70 - margin_db } });
  const calm = { open: 0, severity: null };
  const unit = (unitId, view, worst, alerts = calm, site = null) => ({
    unitId, title: unitId, name: null, site, worst, verdict: verdict({ view: { ...seen, ...view }, worst, alerts }),
    level: () => worst?.now.level_db ?? null,
  });
  const units = [
    unit('live', {}, null), unit('ok', {}, limit('ok', 5)), unit('stale', { isStale: true, ageS: 9 }, limit('ok', 5)),
    unit('near', {}, limit('amber', 2)), unit('lost', { isReachable: false, reason: 'no way' }, limit('ok', 5)),
    unit('over', {}, limit('red', -3), calm, 'Pier'), unit('far-over', {}, limit('red', -9), calm, 'Pier'),
    unit('alarm', {}, null, { open: 2, severity: 'red' }), unit('off', { isActive: false }, limit('ok', 5)),
    unit('unknown', {}, limit('no_data', null)), unit('mute', { hasReading: false }, null),
  ];
  const shown = (settings) => chosen(units, { q: '', site: '', sort: 'worst', ...settings }).map((one) => one.unitId);
  return {
    worst: shown({}), level: shown({ sort: 'level' }).slice(0, 3), site: shown({ site: 'Pier', q: 'far' }),
    kinds: Object.fromEntries(units.map(({ unitId, verdict: { kind } }) => [unitId, kind])),
    words: summary(units.map((one) => one.verdict)), kind: worstOf(units.map((one) => one.verdict)).kind,
    groups: [true, false].map((isBySite) => groups(chosen(units, { q: 'over', site: '', sort: 'worst' }), isBySite)
      .map((one) => [one.site, one.units.length])),
    calm: summary([units[1].verdict]),
  };
})()"""


def test_the_worst_comes_first_and_without_data_nothing_is_green(wall: RunningServer, browser: Browser) -> None:
    browser.open(f"{wall.url}/")
    found = browser.evaluate(WORST_FIRST)
    order = ["far-over", "over", "alarm", "lost", "stale", "mute", "near", "unknown", "ok", "live", "off"]
    assert found["worst"] == order
    assert found["level"][:2] == ["far-over", "over"]
    assert found["site"] == ["far-over"]
    assert found["groups"] == [[["Pier", 2]], [[None, 2]]]
    assert {name for name, kind in found["kinds"].items() if kind in ("ok", "live")} == {"ok", "live"}
    assert found["kind"] == "red"
    assert found["words"] == (
        "11 meters: 2 over their limits, one with an open alert, one close to its limit, 3 without data,"
        " one not judged, one deactivated"
    )
    assert found["calm"] == "one meter: within its limit"


def test_a_lost_meter_is_told_and_struck_through_and_comes_back(
    wall: RunningServer, meters: RunningEmulator, browser: Browser
) -> None:
    browser.open(f"{wall.url}/?group=none")
    browser.until(READY)
    mild = ".tile[data-unit-id=mild]"
    browser.until(f"document.querySelector('{mild}').dataset.stale === 'false'")
    meters.client.fault(1, "unplugged")
    browser.until(f"document.querySelector('{mild}').dataset.kind === 'lost'", 40)
    assert browser.text(f"{mild} .tile-verdict").startswith("not reachable")
    line = f"getComputedStyle(document.querySelector('{mild} .tile-lp')).textDecorationLine"
    assert browser.evaluate(line) == "line-through"
    browser.until("document.querySelector('#headline').textContent.includes('one without data')")
    browser.until("document.querySelector('.tile').dataset.unitId === 'mild'")
    meters.client.fault(1, "plugged")
    browser.until(f"document.querySelector('{mild}').dataset.kind !== 'lost'", 60)


def test_an_empty_roster_says_why_and_leads_to_the_first_meter(
    wall: RunningServer, meters: RunningEmulator, browser: Browser
) -> None:
    """A page that is left open: the last meter goes, and one comes."""
    browser.open(f"{wall.url}/")
    browser.until(f"{READY} && document.querySelector('#link').dataset.state === 'live'")
    for unit_id in PLACES:
        assert requests.delete(f"{wall.api}/{unit_id}/config", timeout=40).status_code == 200
    browser.until("!document.querySelector('#empty').hidden")
    assert "as soon as a meter is on the roster" in browser.text("#empty")
    assert browser.evaluate("document.querySelector('#empty a').pathname") == "/roster/add"
    assert browser.axe() == []
    wall.add("bare", meters.meters[2], name="Back again")
    browser.until(f"{NAMES}.join() === 'Back again' && document.querySelector('#empty').hidden")
