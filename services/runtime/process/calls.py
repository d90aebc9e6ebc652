"""Decides what is remembered of a finished call: its time by method and code, and one line in the access log.

Names follow OpenTelemetry's conventions for RPC servers. It ignores what was in the call.
"""

import logging
from collections.abc import Iterator

from grpc import StatusCode
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.runtime.telemetry import LATENCY_BOUNDS_NS, NS_PER_S, Histogram

log = logging.getLogger(__name__)

ABOUT_THE_PROCESS = ("/grpc.health.v1.", "/grpc.reflection.")
"""How the methods begin that say how the process is; probes call them all the time, and every Watch is cancelled."""

_QUIET = frozenset((StatusCode.OK, StatusCode.RESOURCE_EXHAUSTED))
"""Codes that come in floods: they are counted, and logged only at level debug, as are calls about the process."""


class CallRecorder(Collector):
    """Times of every call of this process, as `rpc_server_call_duration_seconds`. Belongs to one event loop."""

    def __init__(self) -> None:
        self._latencies: dict[tuple[str, StatusCode], Histogram] = {}

    def finished(self, method: str, code: StatusCode, ns: int, *, peer: str = "", error: str = "") -> None:
        """Remember one call of `method` ("/package.Service/Method") that took `ns` nanoseconds."""
        latency = self._latencies.get((method, code))
        if latency is None:
            latency = self._latencies[method, code] = Histogram(LATENCY_BOUNDS_NS)
        latency.observe(ns)
        level = logging.DEBUG if code in _QUIET or method.startswith(ABOUT_THE_PROCESS) else logging.INFO
        if log.isEnabledFor(level):
            fields = {"method": method[1:], "code": code.name, "ms": round(ns / 1e6, 3), "peer": peer, "error": error}
            log.log(level, "call", extra={key: value for key, value in fields.items() if value != ""})

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "rpc_server_call_duration_seconds",
            "From a call's first handling to its answer, by gRPC status code.",
            labels=("rpc_system_name", "rpc_method", "rpc_response_status_code"),
        )
        for (method, code), latency in self._latencies.items():
            latency.add_to(family, ("grpc", method[1:], code.name), unit=NS_PER_S)
        yield family
