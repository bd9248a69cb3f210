"""All metrics as the text that Prometheus reads; a registry for each application, none for the process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from slmm.web.metrics import kept, live
from slmm.web.metrics.families import gauges
from slmm.web.metrics.live import WebTally

if TYPE_CHECKING:
    from slmm.runtime import Runtime

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
EXTENSION = "slmm.metrics"


class _Prepared(Collector):
    """Metrics that were collected already."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Called while the text is written."""
        return self._found


class Exposition:
    """Collects on the hub, and writes the text in a thread: two thousand units are some hundred kilobytes."""

    def __init__(self, runtime: Runtime) -> None:
        self.web = WebTally()
        self._runtime = runtime
        self._parts = kept.parts(runtime)

    def text(self) -> bytes:
        """Everything, as it stands now."""
        found = [metric for part in self._parts for metric in part.metrics()]
        told = "1 when these metrics could be asked for, else they are missing."
        are_ok = (((part.name,), float(part.is_ok)) for part in self._parts)
        found.append(gauges("slmm_metrics_ok", told, ("part",), are_ok))
        found += live.metrics(self._runtime, self.web)
        return self._runtime.database.in_pool(_written, found)


def _written(found: list[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Prepared(found))
    return generate_latest(registry)


def register(app: Flask) -> None:
    """Give the application its metrics."""
    app.extensions[EXTENSION] = Exposition(app.extensions["slmm"])


def exposition() -> Exposition:
    """The metrics of the present application."""
    return cast(Exposition, current_app.extensions[EXTENSION])
