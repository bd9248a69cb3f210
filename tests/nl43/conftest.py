"""A simulated meter with a card, and how it is read."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import gevent
import pytest

from slmm.nl43.card import Card
from slmm.nl43.ftp import CardAccess, CardTimes
from tests.nl43.ftp_meter import RunningFtpMeter, running_ftp_meter

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
