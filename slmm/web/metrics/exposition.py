"""All metrics as the text that Prometheus reads; nothing is registered for the process, so applications count apart.

Everything is done on the hub in slices. In a thread it would be worse: of two thousand units there are some thousand
lines, and a thread that is busy keeps the interpreter from the hub for 5 ms each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

import gevent
from flask import Flask, current_app
from prometheus_client import ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from slmm.web.metrics import kept, live
from slmm.web.metrics.families import SLICE, gauges
from slmm.web.metrics.live import WebTally

if TYPE_CHECKING:
    from slmm.runtime import Runtime

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
EXTENSION = "slmm.metrics"
_HEAD = re.compile(rb"^# (?:HELP|TYPE) .*\n", re.MULTILINE)


class _Prepared(Collector):
    """One metric that was collected already, in place of a registry."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        """Called while the text is written."""
        return [self._metric]


class Exposition:
    """The metrics of one application."""

    def __init__(self, runtime: Runtime) -> None:
        self.web = WebTally()
        self._runtime = runtime
        self._parts = kept.parts(runtime)
        self._process = ProcessCollector(registry=None)

    def text(self) -> bytes:
        """Everything, as it stands now."""
        found = [metric for part in self._parts for metric in part.metrics()]
        told = "1 when these metrics could be asked for, else they are missing."
        are_ok = (((part.name,), float(part.is_ok)) for part in self._parts)
        found.append(gauges("slmm_metrics_ok", told, ("part",), are_ok))
        found += self._process.collect()
        found += live.metrics(self._runtime, self.web)
        return b"".join(piece for metric in found for piece in written(metric))


def written(metric: Metric) -> Iterator[bytes]:
    """A metric as text, slice by slice; the hub serves others between two of them."""
    samples = metric.samples
    for begin in range(0, max(1, len(samples)), SLICE):
        metric.samples = samples[begin : begin + SLICE]
        text = generate_latest(_Prepared(metric))
        yield text if begin == 0 else _HEAD.sub(b"", text)
        gevent.sleep(0)
    metric.samples = samples


def register(app: Flask) -> None:
    """Give the application its metrics."""
    app.extensions[EXTENSION] = Exposition(app.extensions["slmm"])


def exposition() -> Exposition:
    """The metrics of the present application."""
    return cast(Exposition, current_app.extensions[EXTENSION])
