"""Downloads from a card that break, go on, and are checked."""

import errno
import time

import gevent
import pytest
from gevent.monkey import get_original

from slmm.errors import (
    ConnectionLost,
    DeviceTimeout,
    Garbled,
)
from slmm.nl43 import card as card_module
from slmm.nl43.ftp import CardTimes
from tests.conftest import eventually
from tests.nl43.conftest import CONTENT, LP, TIMES, Buffer, StartMeter, card_of

really_sleep = get_original("time", "sleep")


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
