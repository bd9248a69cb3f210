"""The SD card over real FTP: lists, and what stands in them."""

from collections.abc import Callable
from typing import Any

import pytest
from gevent.monkey import get_original

from slmm.errors import (
    Garbled,
    Invalid,
    NotFound,
)
from slmm.nl43 import card as card_module
from tests.conftest import eventually
from tests.nl43.conftest import CONTENT, LP, Buffer, StartMeter, card_of

really_sleep = get_original("time", "sleep")


def test_a_folder_is_listed_in_active_mode(start_meter: StartMeter) -> None:
    meter = start_meter()
    listing = card_of(meter).list("/NL-43/Auto_0019/")
    assert [(entry.name, entry.is_folder) for entry in listing.entries] == [
        ("Auto_Lp_01", True),
        ("NL_0001_SLM.rnh", False),
    ]
    assert listing.entries[1].size_bytes == 5
    assert listing.entries[1].modified is not None
    assert listing.unusable == ()
    assert meter.count("PORT") == 1
    assert meter.count("PASV") + meter.count("EPSV") == 0
    eventually(lambda: meter.commands[-1] == "QUIT")


def test_a_walk_finds_everything_with_one_login(start_meter: StartMeter) -> None:
    meter = start_meter()
    tree = card_of(meter).walk("/")
    assert [found.path for found in tree.files] == ["/NL-43/Auto_0019/NL_0001_SLM.rnh", LP]
    assert [found.path for found in tree.folders] == [
        "/DCIM",
        "/NL-43",
        "/NL-43/Auto_0019",
        "/NL-43/Auto_0019/Auto_Lp_01",
    ]
    assert not tree.is_cut
    assert meter.count("PASS") == 1


def test_a_walk_says_when_a_limit_has_cut_it(start_meter: StartMeter) -> None:
    card = card_of(start_meter())
    shallow = card.walk("/NL-43", max_depth=2)
    assert [found.path for found in shallow.files] == ["/NL-43/Auto_0019/NL_0001_SLM.rnh"]
    assert shallow.is_cut
    few = card.walk("/", max_entries=2)
    assert len(few.folders) == 2
    assert few.is_cut


def test_a_folder_that_vanishes_during_a_walk_does_not_end_it(start_meter: StartMeter) -> None:
    listing = "drwxrwxrwx 1 o g 0 Dec 23 19:40 gone\r\ndrwxrwxrwx 1 o g 0 Dec 23 19:40 NL-43\r\n"
    tree = card_of(start_meter(listings={"/": listing})).walk("/")
    assert [unusable.text for unusable in tree.unusable] == ["/gone"]
    assert len(tree.files) == 2


def test_one_file_is_found_with_its_size(start_meter: StartMeter) -> None:
    card = card_of(start_meter())
    assert card.find(LP).entry.size_bytes == len(CONTENT)
    assert card.find("/DCIM").entry.is_folder
    for path in ("/NL-43/none.rnd", "/none/none.rnd"):
        with pytest.raises(NotFound):
            card.find(path)
    with pytest.raises(Invalid):
        card.find("/")


def test_what_does_not_exist_is_not_found(start_meter: StartMeter) -> None:
    meter = start_meter()
    card = card_of(meter)
    with pytest.raises(NotFound, match="/none"):
        card.list("/none")
    with pytest.raises(NotFound):
        card.walk("/none")
    with pytest.raises(NotFound):
        card.download("/none.rnd", 5, Buffer())
    assert meter.count("RETR") == 1


def test_nasty_names_are_told_and_never_asked_for(start_meter: StartMeter) -> None:
    names = ["../../x", "/etc/x", "a/../../b", "x" * 300, "a\x1bb", "..\\x", "a\x00b"]
    listing = "".join(f"drwxrwxrwx 1 o g 5 Dec 23 19:41 {name}\r\n" for name in names)
    meter = start_meter(listings={"/NL-43": listing + "nonsense\r\n"})
    tree = card_of(meter).walk("/NL-43")
    assert tree.files == tree.folders == ()
    assert len(tree.unusable) == len(names) + 1
    assert meter.count("CWD") == 1


@pytest.mark.parametrize("path", ["NL-43", "/../x", "/a/../../b", "/a\r\nDELE /x", "/a\0b", "/" + "x" * 300, ""])
def test_a_bad_path_is_refused_before_anything_is_sent(start_meter: StartMeter, path: str) -> None:
    meter = start_meter()
    card = card_of(meter)
    operations: list[Callable[[], Any]] = [
        lambda: card.list(path),
        lambda: card.find(path),
        lambda: card.walk(path),
        lambda: card.download(path, 5, Buffer()),
    ]
    for operation in operations:
        with pytest.raises(Invalid):
            operation()
    assert meter.commands == []


def test_a_list_without_end_is_given_up(start_meter: StartMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_module, "LISTING_LIMIT_BYTES", 100)
    with pytest.raises(Garbled, match="longer than 100 bytes"):
        card_of(start_meter()).list("/")
