"""The SD card over real FTP: lists, downloads that break and go on, and everything that can be wrong."""

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import gevent
import pytest
from gevent.monkey import get_original

from slmm.errors import (
    ConnectionLost,
    DeviceBusy,
    DeviceError,
    DeviceTimeout,
    DeviceUnreachable,
    Garbled,
    Invalid,
    NotFound,
    Refused,
)
from slmm.nl43 import card as card_module
from slmm.nl43.card import Card
from slmm.nl43.ftp import NO_WAY_BACK, CardAccess, CardTimes
from tests.conftest import eventually
from tests.nl43.ftp_meter import RunningFtpMeter, running_ftp_meter

really_sleep = get_original("time", "sleep")

LP = "/NL-43/Auto_0019/Auto_Lp_01/NL_0001_SLM_Lp _0019_0001.rnd"
CONTENT = os.urandom(500_000)
TIMES = CardTimes(1.0, 1.0, 5.0, stall_s=0.4, retry_pauses_s=(0.0, 0.0, 0.0))


P = ParamSpec("P")
T = TypeVar("T")


def in_pool(slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    result: T = gevent.get_hub().threadpool.spawn(slow, *args, **kwargs).get()
    return result


class Buffer:
    """A sink in memory that remembers where it was told to start."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.starts: list[int] = []

    def start_at(self, offset_bytes: int) -> None:
        self.starts.append(offset_bytes)
        del self.data[offset_bytes:]

    def write(self, data: bytes) -> None:
        self.data += data


StartMeter = Callable[..., RunningFtpMeter]


@pytest.fixture
def start_meter(tmp_path: Path) -> Iterator[StartMeter]:
    """Starts a meter with one Auto measurement on its card."""
    file = tmp_path / "card" / LP[1:]
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    (tmp_path / "card/DCIM").mkdir()
    (tmp_path / "card/NL-43/Auto_0019/NL_0001_SLM.rnh").write_bytes(b"CSV\r\n")
    with ExitStack() as stack:
        yield lambda **faults: stack.enter_context(running_ftp_meter(tmp_path, **faults))


def card_of(meter: RunningFtpMeter, times: CardTimes = TIMES, limit: float | None = None, **access: Any) -> Card:
    return Card(
        CardAccess(meter.host, meter.port, **access),
        in_pool,
        lambda: datetime.now(UTC).replace(tzinfo=None),
        times=times,
        limit_bytes_s=limit,
    )


# -- lists --------------------------------------------------------------------------------------------


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


# -- downloads ----------------------------------------------------------------------------------------


def test_a_file_comes_whole_and_tells_its_progress(start_meter: StartMeter) -> None:
    sink, told = Buffer(), list[int]()
    transfer = card_of(start_meter()).download(LP, len(CONTENT), sink, told.append)
    assert sink.data == CONTENT
    assert (transfer.size_bytes, transfer.attempts) == (len(CONTENT), 1)
    assert not transfer.is_growing
    assert not transfer.was_restarted
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)


def test_an_empty_file_comes_too(start_meter: StartMeter) -> None:
    meter = start_meter()
    (meter.root / "empty.rnd").touch()
    sink = Buffer(b"old")
    assert card_of(meter).download("/empty.rnd", 0, sink).size_bytes == 0
    assert sink.data == b""


@pytest.mark.parametrize("how", ["cut", "short", "reset", "control", "stall"])
def test_a_broken_download_goes_on_where_it_stopped(start_meter: StartMeter, how: str) -> None:
    meter = start_meter(break_after_bytes=200_000, break_how=how, break_times=2)
    sink = Buffer()
    transfer = card_of(meter).download(LP, len(CONTENT), sink)
    assert sink.data == CONTENT
    assert transfer.attempts == 3
    assert not transfer.was_restarted
    offsets = [int(line.split()[1]) for line in meter.commands if line.startswith("REST ")]
    assert sink.starts == [0, *offsets]
    if how != "reset":  # which takes what was not yet read with it
        assert offsets == [200_000, 400_000]


def test_a_download_goes_on_from_what_is_there(start_meter: StartMeter) -> None:
    meter = start_meter()
    sink = Buffer(CONTENT[:123_457])
    transfer = card_of(meter).download(LP, len(CONTENT), sink, resume_from=123_457)
    assert sink.data == CONTENT
    assert not transfer.was_restarted
    assert "REST 123457" in meter.commands


def test_without_rest_a_download_starts_over_and_says_so(start_meter: StartMeter) -> None:
    meter = start_meter(has_rest=False)
    sink = Buffer(b"x" * 1000)
    transfer = card_of(meter).download(LP, len(CONTENT), sink, resume_from=1000)
    assert transfer.was_restarted
    assert sink.starts == [0]
    assert sink.data == CONTENT
    assert meter.count("RETR") == 1


def test_nothing_is_asked_beyond_what_the_meter_is_known_to_have(start_meter: StartMeter) -> None:
    meter = start_meter(has_rest=False, has_size=False)
    card = card_of(meter)
    card.download(card.find(LP).path, len(CONTENT), Buffer())
    words = {line.split(" ")[0] for line in meter.commands}
    assert words == {"USER", "PASS", "CWD", "TYPE", "PORT", "LIST", "RETR", "QUIT"}


def test_what_came_stays_in_the_sink_when_all_attempts_fail(start_meter: StartMeter) -> None:
    meter = start_meter(break_after_bytes=1000, break_how="cut")
    sink = Buffer()
    with pytest.raises(ConnectionLost):
        card_of(meter).download(LP, len(CONTENT), sink)
    assert meter.count("RETR") == len(TIMES.retry_pauses_s) + 1
    assert sink.data == CONTENT[:4000]


@pytest.mark.parametrize("how", ["control", "stall"])
def test_a_file_that_is_all_there_needs_no_last_word(start_meter: StartMeter, how: str) -> None:
    meter = start_meter(break_after_bytes=len(CONTENT), break_how=how, break_times=1)
    sink = Buffer()
    card = card_of(meter)
    with card.one_session():
        assert card.download(LP, len(CONTENT), sink).attempts == 1
        assert card.find(LP).entry.size_bytes == len(CONTENT)
    assert sink.data == CONTENT


def test_a_stall_is_broken_off_with_what_and_how_long(start_meter: StartMeter) -> None:
    meter = start_meter(break_after_bytes=1000, break_how="stall")
    times = CardTimes(stall_s=0.2, retry_pauses_s=())
    with pytest.raises(DeviceTimeout, match=r"sent nothing of .*rnd for 0\.2 s, after 1000 bytes"):
        card_of(meter, times).download(LP, len(CONTENT), Buffer())


def test_a_file_shorter_than_listed_is_an_error(start_meter: StartMeter) -> None:
    meter = start_meter(listed_sizes={LP: len(CONTENT) + 7})
    card = card_of(meter)
    with pytest.raises(ConnectionLost, match=f"after {len(CONTENT)} of {len(CONTENT) + 7} bytes"):
        card.download(LP, card.find(LP).entry.size_bytes, Buffer())


def test_a_file_longer_than_listed_is_an_error_unless_it_grows(start_meter: StartMeter) -> None:
    meter = start_meter(listed_sizes={LP: len(CONTENT) - 7})
    card, sink = card_of(meter), Buffer()
    with pytest.raises(Garbled, match=f"listed with {len(CONTENT) - 7} bytes, but {len(CONTENT)} came"):
        card.download(LP, card.find(LP).entry.size_bytes, sink)
    assert sink.starts == [0, 0, 0, 0]


def test_a_file_without_end_is_given_up(start_meter: StartMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_module, "GROWTH_LIMIT_BYTES", 1000)
    with pytest.raises(Garbled):
        card_of(start_meter()).download(LP, 5, Buffer())


def test_a_file_that_is_being_recorded_is_taken_as_it_is(start_meter: StartMeter) -> None:
    meter = start_meter(grows_by={LP: 3000})
    card, sink = card_of(meter), Buffer()
    transfer = card.download(LP, card.find(LP).entry.size_bytes, sink)
    assert transfer.is_growing
    assert transfer.size_bytes == len(CONTENT) + 3000
    assert sink.data == (meter.root / LP[1:]).read_bytes()
    assert transfer.attempts == 1


def test_a_limit_holds_the_rate_down(start_meter: StartMeter) -> None:
    began_s = time.monotonic()
    card_of(start_meter(), limit=1_000_000).download(LP, len(CONTENT), Buffer())
    assert time.monotonic() - began_s >= 0.95 * len(CONTENT) / 1_000_000


def test_an_error_of_the_disk_is_neither_translated_nor_tried_again(start_meter: StartMeter) -> None:
    class FullDisk(Buffer):
        def write(self, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    meter = start_meter()
    with pytest.raises(OSError, match="No space left"):
        card_of(meter).download(LP, len(CONTENT), FullDisk())
    assert meter.count("RETR") == 1


def test_others_go_on_while_a_file_is_written(start_meter: StartMeter) -> None:
    class SlowDisk(Buffer):
        def write(self, data: bytes) -> None:
            really_sleep(0.2)
            super().write(data)

    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            gevent.sleep(0.01)
            ticks += 1

    ticker = gevent.spawn(tick)
    card_of(start_meter()).download(LP, len(CONTENT), SlowDisk())
    ticker.kill()
    assert ticks > 5


def test_a_download_can_be_cancelled_and_leaves_no_session(start_meter: StartMeter) -> None:
    meter = start_meter(break_after_bytes=1000, break_how="stall")
    card, sink = card_of(meter, CardTimes(stall_s=60.0)), Buffer()
    download = gevent.spawn(card.download, LP, len(CONTENT), sink)
    eventually(lambda: meter.count("RETR"))
    download.kill(timeout=5)
    assert download.ready()
    assert meter.count("QUIT") == 0
    assert card.find(LP).entry.size_bytes == len(CONTENT)  # a session of its own


# -- sessions -----------------------------------------------------------------------------------------


def test_one_session_serves_many_operations_and_is_opened_anew_when_it_broke(start_meter: StartMeter) -> None:
    meter = start_meter(break_after_bytes=1000, break_how="control", break_times=1)
    card = card_of(meter)
    with card.one_session():
        card.list("/")
        card.find(LP)
        with pytest.raises(NotFound):
            card.list("/none")
        assert meter.count("PASS") == 1
        card.download(LP, len(CONTENT), Buffer())
        card.list("/")
        assert meter.count("PASS") == 2
        assert meter.count("QUIT") == 0
    eventually(lambda: meter.count("QUIT") == 1)
    card.list("/")
    assert meter.count("PASS") == 3


def test_a_refused_login_names_the_user_and_not_the_password(start_meter: StartMeter) -> None:
    meter = start_meter()
    card = card_of(meter, user="ANNA", password="s3cret")
    with card.one_session():
        for _ in range(2):
            with pytest.raises(Refused, match="refused the FTP login of user 'ANNA'") as caught:
                card.list("/")
            assert caught.value.code == "530"
            assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(card.access)


@pytest.mark.parametrize("reply", ["500 {line}: what?", "999 {line}", "421 {line}"])
def test_a_password_that_is_sent_back_is_not_shown(start_meter: StartMeter, reply: str) -> None:
    meter = start_meter(refusals={"PASS": reply})
    with pytest.raises(DeviceError) as caught:
        card_of(meter, password="s3cret").list("/")
    assert "***" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_late_greeting_is_waited_for(start_meter: StartMeter) -> None:
    meter = start_meter(greeting_delay_s=0.4)
    times = CardTimes(connect_timeout_s=0.3, reply_timeout_s=5.0)
    assert card_of(meter, times).list("/").entries


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"greeting_delay_s": 60.0}, DeviceTimeout),
        ({"greeting": "421 Too many connections"}, DeviceBusy),
        ({"greeting": "HTTP/1.1 400 Bad Request"}, Garbled),
        ({"refusals": {"CWD": "250-never\r\n ends"}}, DeviceTimeout),
        ({"refusals": {"CWD": "350 and now?"}}, Garbled),
        ({"refusals": {"CWD": "450 busy"}}, DeviceBusy),
        ({"refusals": {"TYPE": "502 Not Implemented"}}, Refused),
        ({"refusals": {"LIST": "226 done"}}, DeviceUnreachable),  # silent where it had to connect
        ({"refusals": {"LIST": "350 and now?"}}, Garbled),
        ({"refusals": {"PORT": "501 Rejected data connection to foreign address"}}, DeviceUnreachable),
    ],
)
def test_each_trouble_of_the_server_has_its_error(
    start_meter: StartMeter, faults: dict[str, Any], expected: type[DeviceError]
) -> None:
    times = CardTimes(reply_timeout_s=0.3, retry_pauses_s=())
    with pytest.raises(DeviceError) as caught:
        card_of(start_meter(**faults), times).list("/")
    assert type(caught.value) is expected


def test_a_closed_port_is_told_from_silence() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = CardAccess("127.0.0.1", probe.getsockname()[1])
        with pytest.raises(DeviceUnreachable) as caught:
            Card(closed, in_pool, datetime.now, times=TIMES).list("/")
        assert caught.value.refused
    with socket.socket() as full:  # a listener without room drops what comes
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            silent = CardAccess("127.0.0.1", full.getsockname()[1])
            times = CardTimes(connect_timeout_s=0.2, reply_timeout_s=0.2)
            with pytest.raises(DeviceUnreachable) as caught:
                Card(silent, in_pool, datetime.now, times=times).list("/")
            assert not caught.value.refused


# -- the way back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way_back", ["425", "never", "silent"])
def test_a_meter_that_cannot_connect_back_is_explained_and_not_asked_again(
    start_meter: StartMeter, way_back: str
) -> None:
    meter = start_meter(way_back=way_back)
    card = card_of(meter, CardTimes(reply_timeout_s=0.3, retry_pauses_s=(0.0, 0.0)))
    with pytest.raises(DeviceUnreachable, match="NAT or a firewall") as caught:
        card.list("/")
    assert str(caught.value).startswith(NO_WAY_BACK)
    with pytest.raises(DeviceUnreachable, match="NAT or a firewall"):
        card.download(LP, len(CONTENT), Buffer())
    assert meter.count("RETR") == 1


def test_the_data_port_is_taken_from_the_range(start_meter: StartMeter) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    meter = start_meter()
    assert card_of(meter, data_ports=(port, port)).list("/").entries
    assert f"PORT 127,0,0,1,{port >> 8},{port & 255}" in meter.commands


def test_a_range_without_a_free_port_is_told(start_meter: StartMeter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DeviceBusy, match=f"ports {port} to {port}"):
            card_of(start_meter(), data_ports=(port, port)).list("/")


def test_the_announced_address_can_be_another(start_meter: StartMeter) -> None:
    meter = start_meter(way_back="425")
    with pytest.raises(DeviceUnreachable):
        card_of(meter, data_address="192.0.2.7").list("/")
    assert any(line.startswith("PORT 192,0,2,7,") for line in meter.commands)


def test_a_data_connection_from_a_stranger_is_not_taken(start_meter: StartMeter) -> None:
    meter = start_meter(way_back="never")
    lister = gevent.spawn(card_of(meter, CardTimes(reply_timeout_s=2.0)).list, "/")
    eventually(lambda: meter.count("LIST"))
    high, low = next(line for line in meter.commands if line.startswith("PORT")).split(",")[-2:]
    port = int(high) * 256 + int(low)
    with socket.create_connection(("127.0.0.1", port), 5, source_address=("127.0.0.2", 0)) as stranger:
        stranger.settimeout(5)
        assert stranger.recv(1) == b""
    with pytest.raises(DeviceUnreachable):
        lister.get(timeout=5)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_is_announced_with_eprt(start_meter: StartMeter) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 address here")
    meter = start_meter(host="::1")
    assert card_of(meter).list("/").entries
    assert meter.count("EPRT") == 1


@pytest.mark.parametrize(
    ("access", "field"),
    [
        ({"user": "a\r\nDELE x"}, "ftp_password"),
        ({"password": "a\n"}, "ftp_password"),
        ({"data_ports": (0, 5)}, "data_ports"),
        ({"data_ports": (50_010, 50_000)}, "data_ports"),
        ({"data_ports": (50_000, 65_536)}, "data_ports"),
        ({"data_address": "my.example"}, "data_address"),
    ],
)
def test_an_access_that_cannot_work_is_refused_by_its_field(access: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        CardAccess("127.0.0.1", **access)
    assert caught.value.field == field
