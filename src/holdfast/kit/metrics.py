"""Count what happens, for Prometheus: a feature makes its figures once, at import, and counts with them.

    OPEN = metrics.gauge("holdfast_sockets_open", "Sockets open at the moment.")
    OPEN.inc()

Figures belong to the process, not to an application. Where several server processes share a port, `serving` names a
folder in PROMETHEUS_MULTIPROC_DIR before they start: each writes its figures there, and any of them can tell all
(counters are summed, also those of processes that ended; gauges are summed over the living).
What can be read from the database when somebody asks is not counted here: `exposition` takes it along.
"""

import os
from collections.abc import Iterable, Sequence

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST
_LATENCIES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_registry = CollectorRegistry()
ProcessCollector(registry=_registry)


def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    """What only grows; its name ends with _total. Label values come from a small, known set."""
    return Counter(name, text, labels, registry=_registry)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    """What goes up and down with `inc` and `dec`."""
    return Gauge(name, text, labels, registry=_registry, multiprocess_mode="livesum")


def histogram(name: str, text: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = _LATENCIES) -> Histogram:
    return Histogram(name, text, labels, registry=_registry, buckets=buckets)


_requests = counter("holdfast_http_requests_total", "Requests answered.", ("method", "route", "status"))
_seconds = histogram("holdfast_http_request_seconds", "Until a request was answered.", ("method", "route"))
_problems = counter("holdfast_problems_total", "Requests refused, by the code of the problem.", ("route", "code"))
#: Looking a label up costs more than counting.
_known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
_known_problems: dict[tuple[str, str], Counter] = {}


def count_request(*, method: str, route: str, status: int, seconds: float, problem: str | None) -> None:
    """One exchange, by the route's template; called by the edge alone."""
    method = method if method in _METHODS else "other"
    both = _known.get((method, route, status))
    if both is None:
        both = (_requests.labels(method, route, str(status)), _seconds.labels(method, route))
        _known[method, route, status] = both
    both[0].inc()
    both[1].observe(seconds)
    if problem is None:
        return
    refused = _known_problems.get((route, problem))
    if refused is None:
        refused = _known_problems[route, problem] = _problems.labels(route, problem)
    refused.inc()


def exposition(more: Iterable[Metric] = ()) -> bytes:
    """Everything as Prometheus reads it; `more` was looked up just now."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        counted: Collector = _registry
    else:
        counted = CollectorRegistry()
        MultiProcessCollector(counted, path=folder)  # type: ignore[no-untyped-call]
    return generate_latest(_All(counted, tuple(more)))


class _All(CollectorRegistry):
    """For one scrape: what was counted, and what was looked up for it."""

    def __init__(self, counted: Collector, more: Sequence[Metric]) -> None:
        super().__init__()
        self._counted, self._more = counted, more

    def collect(self) -> Iterable[Metric]:
        yield from self._counted.collect()
        yield from self._more
