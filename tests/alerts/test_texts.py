"""The words people read about alerts, and the links beside them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slmm.alerts import texts
from slmm.alerts.letters import facts_of
from slmm.alerts.links import LinkMaker, Ticket
from slmm.alerts.rules import Comparison, Rule, in_words
from slmm.alerts.state import EndReason
from slmm.alerts.texts import EventFacts
from slmm.storage.models import EventRow

BERLIN = "Europe/Berlin"
AT = datetime(2026, 3, 2, 22, 15, 30, tzinfo=UTC)
SENTENCE = "alarm when LAF above 85.0 dB for 3 s; clears at or below 83.0 dB for 10 s"


def facts(**members: object) -> EventFacts:
    plain = EventFacts("Night", SENTENCE, "LAF", 85.0, "red", AT, AT + timedelta(seconds=3), 91.26)
    return replace(plain, **members)  # type: ignore[arg-type]


def ended(**members: object) -> EventFacts:
    told = {"peak_db": 94.0, "peak_at": AT + timedelta(seconds=60), "ended_at": AT + timedelta(seconds=190)}
    return facts(**{**told, "end_reason": "cleared", **members})


# -- rules in words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (Comparison.GREATER, "above 85.0 dB for 3 s; clears at or below 83.0 dB for 10 s"),
        (Comparison.AT_LEAST, "at or above 85.0 dB for 3 s; clears below 83.0 dB for 10 s"),
        (Comparison.LESS, "below 85.0 dB for 3 s; clears at or above 87.0 dB for 10 s"),
        (Comparison.AT_MOST, "at or below 85.0 dB for 3 s; clears above 87.0 dB for 10 s"),
        (Comparison.EQUAL, "equal to 85.0 dB for 3 s; clears away from 85.0 dB for 10 s"),
        (Comparison.UNEQUAL, "different from 85.0 dB for 3 s; clears equal to 85.0 dB for 10 s"),
    ],
)
def test_a_rule_says_what_raises_and_what_ends_it(comparison: Comparison, words: str) -> None:
    rule = Rule(1, "a", comparison=comparison, threshold_db=85.0, duration_s=3.0, clear_duration_s=10.0)
    assert in_words(rule, "LAF") == f"alarm when LAF {words}"


def test_a_rule_without_delays_and_with_red_says_so() -> None:
    rule = Rule(1, "a", threshold_db=85.0, red_threshold_db=95.0, clear_margin_db=0.0)
    assert in_words(rule, "LAFmax") == "alarm when LAFmax above 85.0 dB, red beyond 95.0 dB; clears at or below 85.0 dB"


# -- subjects ----------------------------------------------------------------------------------------------------


def test_a_subject_tells_how_bad_where_what_and_how_much() -> None:
    assert texts.onset_subject("m2", facts()) == "RED m2: Night, LAF 91.3 dB"
    assert texts.onset_subject("m2", facts(), "Reminder") == "Reminder m2: Night, LAF 91.3 dB"
    assert texts.end_subject("m2", facts(), "Cleared") == "Cleared m2: Night"


def test_a_lost_meter_has_no_level_in_its_subject() -> None:
    assert texts.onset_subject("m2", facts(level_name=None, severity="amber")) == "AMBER m2: Night"
    assert texts.onset_subject("m2", facts(onset_db=None, severity="amber")) == "AMBER m2: Night"


def test_the_longest_subject_still_fits_and_keeps_its_figure() -> None:
    longest = facts(rule_name="Ü" * 128, level_name="LAeq,1439min rolling")
    subject = texts.onset_subject("Straße-" + "ö" * 57, longest, "AMBER, not acknowledged:")
    assert len(subject) <= texts.LONGEST_SUBJECT
    assert subject.startswith("AMBER, not acknowledged: Straße-ööö")
    assert subject.endswith("LAeq,1439min rolling 91.3 dB")
    assert len(texts.end_subject("ö" * 64, longest, "Occurred and ended")) <= texts.LONGEST_SUBJECT


def test_names_with_umlauts_stay_as_they_are() -> None:
    text = texts.onset_body("Prüfstraße-Süd", facts(rule_name="Nächtlicher Lärm"), BERLIN)
    assert "Unit: Prüfstraße-Süd" in text
    assert "Rule: Nächtlicher Lärm" in text


# -- bodies --------------------------------------------------------------------------------------------------------


def test_an_onset_tells_level_times_and_rule() -> None:
    assert texts.onset_body("m2", facts(), BERLIN).splitlines() == [
        "LAF was 91.3 dB at 2026-03-02 23:15:33 CET.",
        "It has been beyond 85.0 dB since 2026-03-02 23:15:30 CET.",
        "Unit: m2",
        "Rule: Night",
        SENTENCE,
    ]


def test_an_onset_without_a_delay_has_one_time() -> None:
    assert "beyond" not in texts.onset_body("m2", facts(breach_at=AT, onset_at=AT), BERLIN)


def test_a_lost_meter_tells_since_when() -> None:
    lost = facts(level_name=None, onset_db=None, sentence="no answer for 60 s", onset_at=AT)
    assert texts.onset_body("m2", lost, BERLIN).startswith("Since 2026-03-02 23:15:30 CET.\n")


@pytest.mark.parametrize(
    ("flags", "words"),
    [("over", "was at least 91.3 dB"), ("under", "was at most 91.3 dB"), (None, "was 91.3 dB"), ("", "was 91.3 dB")],
)
def test_a_level_out_of_range_is_a_bound(flags: str | None, words: str) -> None:
    assert words in texts.onset_body("m2", facts(flags=flags), BERLIN)
    assert words.replace("was", "came to").replace("91.3", "94.0") in texts.end_body("m2", [ended(flags=flags)], BERLIN)


def test_a_reminder_says_that_nobody_has_acknowledged() -> None:
    text = texts.reminder_body("m2", facts(), BERLIN)
    assert text == "Still not acknowledged.\n" + texts.onset_body("m2", facts(), BERLIN)


def test_an_end_tells_the_whole_of_it() -> None:
    assert texts.end_body("m2", [ended()], BERLIN).splitlines() == [
        "Unit: m2",
        "",
        "Night: from 2026-03-02 23:15:30 CET to 2026-03-02 23:18:40 CET (3 min 10 s).",
        "LAF came to 94.0 dB at 2026-03-02 23:16:30 CET.",
        SENTENCE,
        "Ended: the level is back to normal.",
    ]


def test_an_end_tells_of_every_event() -> None:
    text = texts.end_body("m2", [ended(), ended(rule_name="Peak", end_reason="rule_deleted")], BERLIN)
    assert "Night: from" in text
    assert "Peak: from" in text
    assert text.endswith("Ended: the rule was deleted.")


@pytest.mark.parametrize("reason", EndReason)
def test_every_reason_has_words(reason: EndReason) -> None:
    assert f"Ended: {texts.REASONS[reason]}." in texts.end_body("m2", [ended(end_reason=reason.value)], BERLIN)
    assert reason.value not in texts.REASONS[reason].split()


def test_only_a_recovery_is_called_one() -> None:
    assert [reason for reason, words in texts.REASONS.items() if "back to normal" in words] == ["cleared"]


def test_an_event_across_the_change_of_the_clocks_has_its_real_length() -> None:
    night = ended(
        breach_at=datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ended_at=datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )
    text = texts.end_body("m2", [night], BERLIN)
    assert "from 2026-10-25 02:30:00 CEST to 2026-10-25 02:30:00 CET (1 h 0 min)" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (190, "3 min 10 s"),
        (3599.6, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    assert texts.duration(seconds) == words


def test_a_digest_has_every_message_in_full() -> None:
    assert texts.digest_body([("RED a", "one"), ("RED b", "two")]) == "— RED a\none\n\n— RED b\ntwo"


# -- what an event says of itself -----------------------------------------------------------------------------------


def row(**members: object) -> EventRow:
    plain = {"rule_id": 7, "unit_id": "m2", "metric": "lp", "threshold_db": 85.0, "severity": "amber", "onset_at": AT}
    return EventRow(**{**plain, **members})


def test_an_event_keeps_the_words_its_rule_had() -> None:
    found = facts_of(row(rule_name="Night", rule_json={"words": SENTENCE, "level_name": "LAF"}))
    assert (found.sentence, found.level_name, found.breach_at) == (SENTENCE, "LAF", AT)


def test_an_event_of_a_release_that_kept_less_still_makes_sense() -> None:
    found = facts_of(row())
    assert (found.rule_name, found.sentence, found.level_name) == ("rule 7", "", "lp")


def test_a_lost_meter_tells_the_verdict_and_no_level() -> None:
    found = facts_of(row(rule_id=0, metric="connectivity", detail="no answer for 60 s"))
    assert (found.sentence, found.level_name) == ("no answer for 60 s", None)


# -- links -----------------------------------------------------------------------------------------------------------


def test_a_link_leads_to_the_moment() -> None:
    links = LinkMaker("https://slmm.example.org/", b"key")
    assert links.chart("Süd 1", AT) == "https://slmm.example.org/unit/S%C3%BCd%201?at=2026-03-02T22:15:30Z"


def test_an_acknowledging_link_tells_who_it_was_made_for() -> None:
    links = LinkMaker("https://slmm.example.org", b"key")
    url = links.acknowledge("f00d", "Jörg@example.org")
    assert url is not None
    assert links.read(url.rpartition("/")[2]) == Ticket("f00d", "Jörg@example.org")


def test_a_link_of_another_key_or_nonsense_is_none() -> None:
    links = LinkMaker("https://slmm.example.org", b"key")
    url = LinkMaker("https://slmm.example.org", b"other").acknowledge("f00d", "a@example.org")
    assert url is not None
    assert links.read(url.rpartition("/")[2]) is None
    assert links.read("nonsense") is None
    assert links.read(links._signer.dumps(["another purpose", "f00d", "a@example.org"])) is None
    assert links.read(links._signer.dumps("f00d")) is None


def test_without_a_public_address_there_are_no_links() -> None:
    links = LinkMaker("", b"key")
    assert (links.chart("m2", AT), links.acknowledge("f00d", "a@example.org")) == (None, None)
