"""Every text a page can say stands in every catalogue, and no catalogue holds what nobody says."""

import pytest

from slmm.web.words import LANGUAGES
from tests import words

OTHERS = [tag for tag in LANGUAGES if tag != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    known = words.catalogue(language)
    assert [f"{place}: {text}" for text, place in words.collected().items() if text not in known] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_outlives_its_text(language: str) -> None:
    said = words.collected()
    assert [text for text in words.catalogue(language) if text not in said] == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_places_of_names_and_numbers(language: str) -> None:
    wrong = {
        text: translated
        for text, translated in words.catalogue(language).items()
        if words.places(text) != words.places(translated) or not translated.strip()
    }
    assert wrong == {}


def test_texts_are_found_where_they_stand() -> None:
    said = words.collected()
    assert said["Keyboard help"] == "base.html"
    assert said["Wall"] == "navigation.py"
    assert said["go to {page}"] == "shell.js"


def test_every_text_of_a_script_is_a_literal_on_the_line_of_its_call() -> None:
    assert words.unreadable() == []
