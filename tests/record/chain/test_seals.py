"""The chain: what was done to a link is seen, wherever it was."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

import slmm.storage.models  # noqa: F401 - fills the metadata
from slmm.record.chain.seals import FIRST, Chain, Kind, Seal, Standing, Stored, linked
from slmm.storage.database import Base, Database

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COUNT = 12


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'slmm.db'}")
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


def stored(number: int) -> Stored:
    return Stored(
        AT + timedelta(seconds=number),
        Kind.LEVELS,
        f"f{number}",
        7,
        f"{number:064x}",
        bytes([number]) if number % 2 else None,
    )


def standing(seals: list[Seal], *heads: str) -> Standing:
    found = Standing()
    for seal in seals:
        found.add(seal, heads)
    return found


@pytest.fixture
def seals() -> list[Seal]:
    made: list[Seal] = []
    for number in range(1, COUNT + 1):
        made.append(linked(stored(number), number, made[-1].link if made else FIRST))
    return made


def test_a_link_can_be_made_by_hand() -> None:
    seal = linked(Stored(AT, Kind.CARD, "downloads/a/ä b.rnd", 3, "ab" * 32, b"xyz"), 1, FIRST)
    plain = (
        '["slmm-seal-1",1,"2026-11-20T12:00:00.000000Z","card","downloads/a/\\u00e4 b.rnd",3,"'
        + "ab" * 32
        + f'","{sha256(b"xyz").hexdigest()}","{FIRST}"]'
    )
    assert seal.text() == plain
    assert seal.link == sha256(plain.encode()).hexdigest()
    assert json.loads(plain)[4] == "downloads/a/ä b.rnd"


def test_what_nobody_touched_holds(seals: list[Seal]) -> None:
    found = standing(seals, seals[4].link)
    assert (found.broken, found.links, found.head, found.noted) == (None, COUNT, seals[-1].link, {seals[4].link})
    assert sorted(found.files) == sorted(seal.subject for seal in seals)


@pytest.mark.parametrize("index", [0, 1, 6, COUNT - 1])
@pytest.mark.parametrize(
    "change",
    [
        {"at": AT - timedelta(microseconds=1)},
        {"kind": "card"},
        {"subject": "other"},
        {"size_bytes": 8},
        {"sha256": "f" * 64},
        {"blocks_sha256": "e" * 64},
        {"previous": "d" * 64},
        {"link": "c" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_link_that_says_something_else_is_named(seals: list[Seal], index: int, change: dict[str, object]) -> None:
    seals[index] = replace(seals[index], **change)  # type: ignore[arg-type]
    found = standing(seals)
    assert found.broken_at == index + 1
    assert "was changed" in str(found.broken)


@pytest.mark.parametrize("index", [0, 6, COUNT - 2])
def test_a_link_made_anew_is_named_by_the_one_after_it(seals: list[Seal], index: int) -> None:
    forged = replace(seals[index], sha256="f" * 64)
    seals[index] = replace(forged, link=forged.true_link())
    found = standing(seals)
    assert found.broken_at == index + 2
    assert f"does not follow link {index + 1}" in str(found.broken)


def test_the_last_link_made_anew_is_seen_by_a_head_noted_elsewhere(seals: list[Seal]) -> None:
    noted = seals[-1].link
    forged = replace(seals[-1], sha256="f" * 64)
    seals[-1] = replace(forged, link=forged.true_link())
    found = standing(seals, noted)
    assert (found.broken, found.noted) == (None, set())


def test_links_taken_from_the_end_are_seen_by_a_head_noted_elsewhere(seals: list[Seal]) -> None:
    found = standing(seals[:-3], seals[-1].link, seals[2].link)
    assert (found.broken, found.noted) == (None, {seals[2].link})


@pytest.mark.parametrize("index", [0, 5])
def test_a_link_taken_out_is_seen(seals: list[Seal], index: int) -> None:
    found = standing(seals[:index] + seals[index + 1 :])
    assert found.broken == f"link {index + 2} stands where link {index + 1} should: 1 before it are missing"


def test_links_that_changed_places_are_seen(seals: list[Seal]) -> None:
    before, fourth, fifth, after = seals[:3], seals[3], seals[4], seals[5:]
    assert standing([*before, fifth, fourth, *after]).broken_at == 5
    assert standing([*before, replace(fifth, number=4), replace(fourth, number=5), *after]).broken_at == 4


def test_blocks_may_go_but_not_change(seals: list[Seal]) -> None:
    seals[2] = replace(seals[2], blocks=None)
    assert standing(seals).broken is None
    seals[4] = replace(seals[4], blocks=b"?")
    assert "block hashes of link 5" in str(standing(seals).broken)


def test_only_the_first_break_is_told(seals: list[Seal]) -> None:
    for index in (9, 3):
        seals[index] = replace(seals[index], size_bytes=9)
    found = standing(seals)
    assert (found.broken_at, found.links) == (4, COUNT)


def test_what_is_written_is_what_is_read(database: Database) -> None:
    chain = Chain(database)
    assert (chain.standing().links, chain.head()) == (0, None)
    first = chain.append([stored(1), stored(2)])
    second = chain.append([stored(3)])
    assert chain.append([]) == []
    assert [seal.number for seal in (*first, *second)] == [1, 2, 3]
    found = chain.standing()
    assert (found.links, found.broken, found.head) == (3, None, second[0].link)
    assert found.files["f3"] == replace(second[0], blocks=None)
    assert chain.standing(with_blocks=False).broken is None
    assert chain.counts() == {"levels": 3}
    assert chain.blocks(3) == bytes([3])
    assert chain.detailed(Kind.LEVELS) == {1, 3}
    chain.forget_blocks([1])
    assert (chain.blocks(1), chain.blocks(3), chain.standing().broken) == (None, bytes([3]), None)


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("update seals set subject = 'x' where id = 2", 2),
        ("update seals set blocks = x'00' where id = 3", 3),
        ("update seals set at = '2026-11-20 12:00:09.000000' where id = 4", 4),
        ("delete from seals where id = 2", 3),
        ("delete from seals where id = 1", 2),
    ],
)
def test_what_was_done_in_the_database_is_seen(database: Database, statement: str, broken_at: int) -> None:
    chain = Chain(database)
    chain.append([stored(number) for number in range(1, 6)])
    database.write(lambda session: session.execute(text(statement)))
    assert chain.standing().broken_at == broken_at


def test_what_a_link_says_is_gone_is_not_expected(seals: list[Seal]) -> None:
    gone = linked(Stored(AT, Kind.GONE, "f3", 7, seals[2].sha256), COUNT + 1, seals[-1].link)
    again = linked(Stored(AT, Kind.LEVELS, "f3", 8, "a" * 64), COUNT + 2, gone.link)
    found = standing([*seals, gone])
    assert "f3" not in found.files
    assert found.gone == {"f3"}
    found = standing([*seals, gone, again])
    assert (found.files["f3"].size_bytes, found.gone, found.broken) == (8, set(), None)
