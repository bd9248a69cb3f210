"""The words of one page: all it says, and not the whole catalogue."""

from pathlib import Path

from flask.testing import FlaskClient

from slmm.web.modules import needed_by, said_by
from tests import words

STATIC = words.TOP / "static"
SCRIPTS = sorted(f"js/{path.name}" for path in (STATIC / "js").glob("*-page.js"))


def test_a_page_gets_what_its_script_says_and_no_more(client: FlaskClient) -> None:
    told = client.get("/words/de/wall-page.json")
    assert told.status_code == 200
    catalogue = words.catalogue("de")
    said = said_by(STATIC, "js/wall-page.js")
    assert told.json == {text: translated for text, translated in catalogue.items() if text in said}
    assert "go to {page}" in said, "what the frame of every page says"
    assert len(said) < len(catalogue) / 3


def test_what_any_module_of_a_page_says_is_among_its_words() -> None:
    for name in SCRIPTS:
        said = said_by(STATIC, name)
        for module in (name, *needed_by(STATIC, name)):
            assert {text for text, place in words.in_scripts() if place == Path(module).name} <= said


def test_words_of_nothing_and_in_no_language_are_not_found(client: FlaskClient) -> None:
    for path in ("/words/de/no-such-page.json", "/words/xx/wall-page.json", "/words/de/..%2f..%2fi18n.json"):
        assert client.get(path).status_code == 404


def test_the_head_of_a_german_page_names_its_words_and_an_english_one_needs_none(client: FlaskClient) -> None:
    german = client.get("/alerts", headers={"Accept-Language": "de-AT,de;q=0.9"}).text
    assert '<html lang="de"' in german
    assert 'href="/words/de/alerts-page.json"' in german
    assert "/words/" not in client.get("/alerts").text
