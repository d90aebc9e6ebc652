"""Counts what every model does: the figures behind Triton's statistics RPC and `/metrics`.

It knows numbers only: not requests, not transports.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from time import time_ns
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

FailureReason = Literal["REJECTED", "CANCELED", "BACKEND", "OTHER"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of `Metrics.exposition`."""

LATENCY_BOUNDS_NS = tuple(
    round(seconds * 1e9)
    for seconds in (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
)
ROW_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(slots=True)
class Duration:
    """A count of events and the nanoseconds that they took together."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int, count: int = 1) -> None:
        self.count += count
        self.ns += ns


class Histogram:
    """How often a whole number fell under each of a few ascending bounds (inclusive), and the sum of them all.

    The library's own histogram takes a lock and walks its buckets for every observation; a request makes four.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[int]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0

    def observe(self, value: int) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str], *, unit: int = 1) -> None:
        """Show it in a Prometheus family, in units of `unit` observed ones (1e9: nanoseconds become seconds)."""
        bounds = [*(str(bound / unit) for bound in self._bounds), "+Inf"]
        family.add_metric(labels, list(zip(bounds, accumulate(self._counts), strict=True)), self._sum / unit)


NS_PER_S = 1_000_000_000


def _latencies() -> Histogram:
    return Histogram(LATENCY_BOUNDS_NS)


@dataclass(slots=True)
class BatchDurations:
    """What the executions of one batch size took."""

    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)


@dataclass(slots=True, eq=False)
class ModelStatistics:
    """What one version of one model has done since it was loaded, in Triton's terms.

    All of it is written by one thread, the event loop's, so nothing here is locked. Times are nanoseconds; a
    request's compute times are those of the batch it rode in. `inference_count` counts rows, `execution_count`
    batches, `pending` the requests that wait now; failures by reason are in `failures`, all of them in `fail`.
    """

    model: str
    version: str
    last_inference_ms: int = 0
    inference_count: int = 0
    execution_count: int = 0
    pending: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    cancel: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)
    batches: dict[int, BatchDurations] = field(default_factory=dict)
    failures: dict[FailureReason, int] = field(default_factory=lambda: dict.fromkeys(get_args(FailureReason), 0))
    request_latency: Histogram = field(default_factory=_latencies)
    queue_latency: Histogram = field(default_factory=_latencies)
    compute_latency: Histogram = field(default_factory=_latencies)
    batch_rows: Histogram = field(default_factory=lambda: Histogram(ROW_BOUNDS))

    def request_succeeded(
        self,
        *,
        rows: int,
        queue_ns: int,
        compute_input_ns: int,
        compute_infer_ns: int,
        compute_output_ns: int,
        total_ns: int,
    ) -> None:
        """Count one answered request."""
        self.last_inference_ms = time_ns() // 1_000_000
        self.inference_count += rows
        self.success.add(total_ns)
        self.queue.add(queue_ns)
        self.compute_input.add(compute_input_ns)
        self.compute_infer.add(compute_infer_ns)
        self.compute_output.add(compute_output_ns)
        self.request_latency.observe(total_ns)
        self.queue_latency.observe(queue_ns)
        self.compute_latency.observe(compute_input_ns + compute_infer_ns + compute_output_ns)

    def request_failed(self, reason: FailureReason, total_ns: int) -> None:
        """Count one request that got an error instead of an answer."""
        self.failures[reason] += 1
        self.fail.add(total_ns)
        if reason == "CANCELED":
            self.cancel.add(total_ns)

    def batch_executed(
        self, batch_size: int, compute_input_ns: int, compute_infer_ns: int, compute_output_ns: int
    ) -> None:
        """Count one execution of `batch_size` rows."""
        self.execution_count += 1
        batch = self.batches.get(batch_size)
        if batch is None:
            batch = self.batches[batch_size] = BatchDurations()
        batch.compute_input.add(compute_input_ns)
        batch.compute_infer.add(compute_infer_ns)
        batch.compute_output.add(compute_output_ns)
        self.batch_rows.observe(batch_size)


@dataclass(frozen=True, slots=True)
class _TritonFamily:
    name: str
    kind: Literal["counter", "gauge"]
    help: str
    value: Callable[[ModelStatistics], int]


_TRITON_FAMILIES = (
    _TritonFamily("nv_inference_request_success", "counter", "Requests answered.", lambda s: s.success.count),
    _TritonFamily("nv_inference_count", "counter", "Rows inferred.", lambda s: s.inference_count),
    _TritonFamily("nv_inference_exec_count", "counter", "Batches executed.", lambda s: s.execution_count),
    _TritonFamily("nv_inference_pending_request_count", "gauge", "Requests waiting now.", lambda s: s.pending),
    *(
        _TritonFamily(
            f"nv_inference_{name}_duration_us", "counter", f"Microseconds, all answered requests: {what}.", us
        )
        for name, what, us in (
            ("request", "from arrival to answer", lambda s: s.success.ns // 1000),
            ("queue", "waiting", lambda s: s.queue.ns // 1000),
            ("compute_input", "preparing inputs", lambda s: s.compute_input.ns // 1000),
            ("compute_infer", "running the model", lambda s: s.compute_infer.ns // 1000),
            ("compute_output", "reading outputs", lambda s: s.compute_output.ns // 1000),
        )
    ),
)


class Metrics:
    """Everything that one process shows at `/metrics`.

    Attributes:
        registry: where other parts of the process register what they count.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._models: dict[tuple[str, str], ModelStatistics] = {}
        self.registry.register(_ModelHistograms(self._models))
        ProcessCollector(registry=self.registry)

    def register(self, stats: ModelStatistics) -> None:
        """Show a model's figures from now on, in place of those of an earlier load of the same version."""
        self._models[stats.model, stats.version] = stats

    def unregister(self, stats: ModelStatistics) -> None:
        """Show them no longer; nothing happens when a later load has taken their place."""
        if self._models.get((stats.model, stats.version)) is stats:
            del self._models[stats.model, stats.version]

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format, version 0.0.4."""
        return "".join(_triton_lines(self._models.values())).encode() + generate_latest(self.registry)


class _ModelHistograms(Collector):
    def __init__(self, models: Mapping[tuple[str, str], ModelStatistics]) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        request = _histogram_family("imago_request_seconds", "From a request's arrival to its answer.")
        queue = _histogram_family("imago_queue_seconds", "Waiting of an answered request.")
        compute = _histogram_family("imago_compute_seconds", "Time in the model of the batch that a request rode in.")
        rows = _histogram_family("imago_batch_rows", "Rows of an executed batch.")
        for labels, stats in self._models.items():
            stats.request_latency.add_to(request, labels, unit=NS_PER_S)
            stats.queue_latency.add_to(queue, labels, unit=NS_PER_S)
            stats.compute_latency.add_to(compute, labels, unit=NS_PER_S)
            stats.batch_rows.add_to(rows, labels)
        yield from (request, queue, compute, rows)


def _histogram_family(name: str, help_text: str) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, help_text, labels=("model", "version"))


def _triton_lines(models: Iterable[ModelStatistics]) -> Iterator[str]:
    """Triton's families, written out here: the library would add `_total` to the names that dashboards know."""
    for family in _TRITON_FAMILIES:
        yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
        for stats in models:
            yield f'{family.name}{{model="{_escape(stats.model)}",version="{stats.version}"}} {family.value(stats)}\n'
    failure = "nv_inference_request_failure"
    yield f"# HELP {failure} Requests that got an error, by reason.\n# TYPE {failure} counter\n"
    for stats in models:
        for reason, count in stats.failures.items():
            labels = f'model="{_escape(stats.model)}",reason="{reason}",version="{stats.version}"'
            yield f"{failure}{{{labels}}} {count}\n"


def _escape(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
