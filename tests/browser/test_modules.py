"""The pure modules of the pages, run by the browser that has to run them."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Browser, running_browser
from tests.server import RunningServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(premises: RunningServer) -> Iterator[Browser]:
    with running_browser() as browser:
        browser.open(f"{premises.url}/health")
        yield browser


def test_labels_carry_the_weightings_once_they_are_known(page: Browser) -> None:
    known, unknown = page.evaluate(
        """(async () => {
          const { labels } = await import('/static/js/format.js');
          const read = (given) => Object.fromEntries(
            Object.entries(labels(given)).map(([name, [symbol, subscript]]) => [name, symbol + subscript]));
          return [read({ frequency_weighting: 'C', time_weighting: 'S', percentiles: ['5', '10', '50', '90', null] }),
                  read(null)];
        })()"""
    )
    assert {name: known[name] for name in ("lp", "leq", "le", "lmax", "lmin", "ln1", "ln4")} == {
        "lp": "LCS",
        "leq": "LCeq",
        "le": "LCE",
        "lmax": "LCSmax",
        "lmin": "LCSmin",
        "ln1": "LC5",
        "ln4": "LC90",
    }
    assert (unknown["lp"], unknown["leq"]) == ("Lp", "Leq")
    assert "LN1" not in unknown.values()


def test_levels_ages_and_run_states_as_they_are_written(page: Browser) -> None:
    written = page.evaluate(
        """(async () => {
          const f = await import('/static/js/format.js');
          const noon = Date.UTC(2026, 0, 1, 12);
          return [f.level(68), f.level(null), f.age(0.84), f.age(12.4), f.age(-3), f.age(600), f.elapsed(90061),
                  f.runState('Start', '2026-01-01T10:59:57Z', noon), f.runState('Start', null, noon),
                  f.runState('Stop', null, noon), f.runState(null, null, noon), f.runState('Pause', null, noon)];
        })()"""
    )
    assert written == [
        "68.0",
        "–",
        "0.8 s",
        "12 s",
        "0.0 s",
        "10 min",
        "1 d 01:01:01",
        "measuring for 01:00:03",
        "measuring, since before we looked",
        "stopped",
        "run state not known yet",
        "run state not known yet",
    ]


def test_figures_grow_stale_after_three_expected_frames_and_are_blank_after_a_minute(page: Browser) -> None:
    found = page.evaluate(
        """(async () => {
          const { UnitStore } = await import('/static/js/store.js');
          const start = Date.UTC(2026, 0, 1, 12);
          const clock = { at: start, now() { return this.at; } };
          const follow = (cadenceS) => {
            const store = new UnitStore('u', clock);
            for (let index = 0; index < 6; index++) {
              clock.at = start + 1000 * cadenceS * (index - 5);
              const timestamp = new Date(clock.at).toISOString();
              store.take({ timestamp, feed_status: 'ok', lp: 60, leq: 60 });
            }
            return (ageS) => {
              clock.at = start + 1000 * ageS;
              const view = store.view();
              return [view.isStale, view.isBlank];
            };
          };
          const everySecond = follow(1), everyTen = follow(10);
          return [everySecond(3.4), everySecond(3.6), everySecond(59), everySecond(61), everyTen(29), everyTen(31)];
        })()"""
    )
    assert found == [
        [False, False],
        [True, False],
        [True, False],
        [True, True],
        [False, False],
        [True, False],
    ]


def test_figures_of_the_run_grow_old_while_a_stream_brings_the_level_alone(page: Browser) -> None:
    found = page.evaluate(
        """(async () => {
          const { UnitStore } = await import('/static/js/store.js');
          let now = Date.UTC(2026, 0, 1, 12);
          const store = new UnitStore('u', { now: () => now });
          const take = (more) => store.take({ timestamp: new Date(now).toISOString(), feed_status: 'ok', ...more });
          const told = () => {
            const { isStale, areFiguresOld, figures } = store.view();
            return [store.frame.lp, isStale, areFiguresOld, figures.leq ?? null];
          };
          const seen = [];
          take({ lp: 50, leq: 60 });
          for (let second = 1; second <= 70; second += 1) {
            now += 1000;
            take({ lp: 50 + second, leq: null, from_stream: true });
            if ([3, 4, 60, 61].includes(second)) seen.push(told());
          }
          now += 500;
          take({ lp: 50, leq: 61 });
          return [...seen, told()];
        })()"""
    )
    assert found == [
        [53, False, False, 60],
        [54, False, True, 60],
        [110, False, True, 60],
        [111, False, True, None],
        [50, False, False, 61],
    ]


def test_age_survives_a_delayed_replay_and_a_browser_clock_that_jumps(page: Browser) -> None:
    found = page.evaluate(
        """(async () => {
          const { ServerClock } = await import('/static/js/store.js');
          const clock = new ServerClock();
          let server = 1e12, browser = 1e12 + 5000, steady = 0;
          const pass = (seconds, delayMs = 20) => {
            for (let second = 0; second < seconds; second++) {
              server += 1000; browser += 1000; steady += 1000;
              clock.heard(server - delayMs, browser, steady);
            }
          };
          const skew = () => clock.now(browser, steady) - server;
          clock.heard(server - 600000, browser, steady);  // the replay begins ten minutes back
          pass(3);
          const seen = [skew()];
          pass(1, 8000);  // one frame came late: that is delay, not a clock
          seen.push(skew());
          browser += 3600000;  // an hour forward, as when daylight saving is set by hand
          pass(4);
          seen.push(skew());
          browser -= 7200000;
          pass(1);
          seen.push(skew());
          browser += 3600000;
          clock.told(server - 20, browser, steady);  // the stream was made anew
          seen.push(skew());
          return seen;
        })()"""
    )
    assert all(abs(skew) <= 50 for skew in found), found


def test_a_reading_from_before_the_laptop_slept_is_old_when_it_wakes(page: Browser) -> None:
    ages_s = page.evaluate(
        """(async () => {
          const { ServerClock } = await import('/static/js/store.js');
          const clock = new ServerClock(), hour = 3600000;
          const age = (of, wall, steady) => (clock.now(wall, steady) - of) / 1000;
          clock.heard(1e12, 1e12, 0);
          const ages = [age(1e12, 1e12 + hour, 100)];  // the steady clock stood still meanwhile
          clock.heard(1e12 + 1000, 1e12 + hour + 200, 300);  // the last reading of a meter that failed: a replay
          ages.push(age(1e12 + 1000, 1e12 + hour + 200, 300));
          clock.told(1e12 + hour + 300, 1e12 + hour + 300, 400);
          clock.heard(1e12 + 1000, 1e12 + hour + 300, 400);
          ages.push(age(1e12 + 1000, 1e12 + hour + 300, 400));
          clock.heard(1e12 + hour + 1300, 1e12 + hour + 1300, 1400);
          ages.push(age(1e12 + hour + 1300, 1e12 + hour + 1300, 1400));
          return ages;
        })()"""
    )
    assert [round(age_s) for age_s in ages_s] == [3600, 3600, 3599, 0]


def test_an_outage_makes_no_cadence_and_a_clock_set_back_makes_nothing_live(page: Browser) -> None:
    found = page.evaluate(
        """(async () => {
          const { UnitStore } = await import('/static/js/store.js');
          const start = Date.UTC(2026, 0, 1, 12);
          const clock = { at: start, now() { return this.at; } };
          const take = (store, second) => {
            clock.at = start + 1000 * second;
            return store.take({ timestamp: new Date(clock.at).toISOString(), feed_status: 'ok', lp: 60, leq: 60 });
          };
          const late = new UnitStore('u', clock);  // two frames with ten minutes between
          take(late, -600);
          take(late, 0);
          clock.at = start + 4000;
          const afterOutage = late.view().isStale;
          const store = new UnitStore('u', clock);
          for (let second = -5; second <= 0; second++) take(store, second);
          const before = store.view().isStale;
          clock.at = start - 3600000;
          const setBack = store.view().isStale;
          const seen = [afterOutage, before, setBack, take(store, -3600), store.view().isStale];
          const idle = new UnitStore('u', clock);  // read every ten seconds until somebody watched: a replay, then live
          clock.at = start;
          for (let second = -50; second <= 0; second += 10) {
            idle.take({ timestamp: new Date(start + 1000 * second).toISOString(), feed_status: 'ok', lp: 60, leq: 60 });
          }
          clock.at = start + 4000;
          seen.push(idle.view().isStale);
          return seen;
        })()"""
    )
    assert found == [True, False, True, True, False, True]


def test_an_alert_names_the_threshold_its_onset_was_beyond(page: Browser) -> None:
    told = page.evaluate(
        """(async () => {
          const { sentence } = await import('/static/js/alert-words.js');
          const event = (value, more) => ({ rule_id: 1, metric: 'lp', level_name: 'LAF', flags: [], comparison: 'above',
            threshold_db: 70, red_threshold_db: 75, onset_value: value, ...more });
          return [event(72), event(76), event(76, { red_threshold_db: null }),
                  event(34, { comparison: 'below', threshold_db: 40, red_threshold_db: 35 })].map(sentence);
        })()"""
    )
    assert told == [
        "LAF 72.0 dB, above 70.0 dB",
        "LAF 76.0 dB, above 75.0 dB",
        "LAF 76.0 dB, above 70.0 dB",
        "LAF 34.0 dB, below 35.0 dB",
    ]
