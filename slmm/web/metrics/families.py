"""How a metric is written down: short names for prometheus-client's families."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import gevent
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from slmm.tallies import Histogram

Sample = tuple[Sequence[str], float]
"""Values of the labels, and the figure."""


SLICE = 100
"""Samples between two switches of greenlets: about half a millisecond."""
T = TypeVar("T")


def in_slices(many: Iterable[T]) -> Iterator[T]:
    """Each of *many*; the hub serves others meanwhile, so what they are about may be gone when it comes."""
    for number, each in enumerate(many, 1):
        yield each
        if number % SLICE == 0:
            gevent.sleep(0)


def gauge(name: str, text: str, value: float) -> Metric:
    """A figure that goes up and down."""
    return GaugeMetricFamily(name, text, value=value)


def gauges(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    """The same for each value of some labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, figure in samples:
        family.add_metric(values, figure)
    return family


def counter(name: str, text: str, value: float) -> Metric:
    """A figure that only grows while the service runs; its name ends in ``_total``."""
    return CounterMetricFamily(name, text, value=value)


def counters(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    """The same for each value of some labels."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, figure in samples:
        family.add_metric(values, figure)
    return family


def histogram(name: str, text: str, found: Histogram) -> Metric:
    """How values are spread."""
    return HistogramMetricFamily(name, text, buckets=found.buckets(), sum_value=found.total)


def histograms(name: str, text: str, label: str, found: Iterable[tuple[str, Histogram]]) -> Metric:
    """The same for each value of a label."""
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, each in found:
        family.add_metric([value], each.buckets(), each.total)
    return family
