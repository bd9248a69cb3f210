"""FTP sessions with a meter: login, troubles of the server, and the way back of data."""

import socket
from datetime import datetime
from typing import Any

import gevent
import pytest
from gevent.monkey import get_original

from slmm.errors import (
    DeviceBusy,
    DeviceError,
    DeviceTimeout,
    DeviceUnreachable,
    Garbled,
    Invalid,
    NotFound,
    Refused,
)
from slmm.nl43.card import Card
from slmm.nl43.ftp import NO_WAY_BACK, CardAccess, CardTimes
from tests.conftest import eventually
from tests.nl43.conftest import CONTENT, LP, TIMES, Buffer, StartMeter, card_of, in_pool

really_sleep = get_original("time", "sleep")


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
