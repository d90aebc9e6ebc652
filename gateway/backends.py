"""Where each service and model lives, and one balanced, retrying channel to each address.

It decides how a connection behaves; which RPC goes through it is decided by `passthrough.py`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from gateway.failures import NEVER, RETRY_PUSHBACK, BackendFailed
from gateway.methods import GATEWAY, all_methods, service_names
from services.runtime.errors import Unsupported

_KEEPALIVE_MS = 60_000  # servers may punish pings that come more often (GOAWAY, too_many_pings)
_RECONNECT_FIRST_MS = 100
_RECONNECT_MOST_MS = 2_000  # gRPC's own two minutes would keep a restarted service unreachable
_CONNECT_TIMEOUT_MS = 3_000  # despite its name, `min_reconnect_backoff` is how long one attempt to connect may take
_RESOLVE_AGAIN_MS = 5_000  # how soon a new replica behind a headless Service may be found
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """How every channel behaves."""

    max_message_bytes: int
    retry_attempts: int
    """Attempts in all, 1..5; 1: none is repeated."""
    retry_first_backoff_s: float
    retry_most_backoff_s: float


class Backend:
    """One address at which a service, or one model of it, is served by any number of replicas."""

    def __init__(self, service: str, target: str, policy: ChannelPolicy) -> None:
        self.service = service
        self.target = target
        self._policy = policy
        self._channels: dict[bool, grpc.aio.Channel] = {}

    def __str__(self) -> str:
        return f"{self.service} at {self.address}"

    @property
    def address(self) -> str:
        """The address as people write it."""
        return self.target.removeprefix("dns:///")

    def channel(self, *, retry: bool = True) -> grpc.aio.Channel:
        """The channel for calls that may be repeated, or the one for those that may not. Needs a running event loop."""
        if retry not in self._channels:
            options = _channel_options(self.service, self._policy, retry=retry)
            self._channels[retry] = grpc.aio.insecure_channel(self.target, options=options)
        return self._channels[retry]

    def is_connected(self) -> bool:
        """Whether some replica is connected and says that it serves."""
        return self.channel().get_state() is grpc.ChannelConnectivity.READY

    def failed(self, error: grpc.aio.AioRpcError) -> BackendFailed:
        """What to tell a caller: the service's own status, or a clear word that it could not be reached."""
        message = error.details() or ""
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and message.lower() in ("", "deadline exceeded"):
            message = f"{self} did not answer before the deadline."
        trailers: Any = error.trailing_metadata() or ()
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            if not self.is_connected():
                message = f"{self} is not {'ready' if 'backend unhealthy' in message else 'reachable'}."
            # Whether to repeat was decided here. A caller who repeats as well would multiply the attempts.
            trailers = (*(pair for pair in trailers if pair[0] != RETRY_PUSHBACK), (RETRY_PUSHBACK, NEVER))
        return BackendFailed(error.code(), message, trailers)

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close(None)
        self._channels.clear()


class Backends:
    """All configured addresses."""

    def __init__(self, services: dict[str, str], routes: list[str], policy: ChannelPolicy) -> None:
        """`services`: gRPC targets by short name, empty where not offered; `routes`: as `parse_route` reads them."""
        self._by_target: dict[tuple[str, str], Backend] = {}
        self._policy = policy
        self._services = {name: self._backend(name, target) for name, target in services.items() if target}
        self._routes = {key: self._backend(key[0], target) for key, target in map(parse_route, routes)}

    def find(self, service: str, model: str = "", method: str = "") -> Backend:
        """Who answers for a model; empty: for the default of the RPC with that key. Unsupported when nobody does."""
        backend = self.answers_for(service, model or method)
        if backend is None:
            raise Unsupported(f"This gateway has no {service}: IMAGO_{service.upper()} (--{service}) is not set.")
        return backend

    def answers_for(self, service: str, what: str) -> Backend | None:
        """The own address of a model, or of an RPC's default, where it has one, else its service's, else nobody."""
        return self._routes.get((service, what)) or self._services.get(service)

    def offers(self, service: str) -> bool:
        """Whether any model of the service is reachable under some address."""
        return any(backend.service == service for backend in self._by_target.values())

    def routes_by_model(self, service: str) -> bool:
        """Whether the model matters to where a request of the service goes."""
        return any(name == service for name, _ in self._routes)

    def __iter__(self) -> Iterator[Backend]:
        """Every address once, services before moved models."""
        return iter(self._by_target.values())

    async def close(self) -> None:
        for backend in self:
            await backend.close()

    def _backend(self, service: str, target: str) -> Backend:
        return self._by_target.setdefault((service, target), Backend(service, target, self._policy))


def parse_route(route: str) -> tuple[tuple[str, str], str]:
    """Service and model, or service and the key of an RPC (its default model), and their address.

    Raises:
        ValueError: says what is expected.
    """
    key, _, target = route.partition("=")
    service, _, model = key.partition("/")
    known = [name for name in service_names() if name != GATEWAY]
    if target and model and service in known:
        return (service, model), target
    for method in all_methods():
        if target and key == method.key and method.service in known and method.model_path:
            return (method.service, key), target
    raise ValueError(
        f"'{route}' is not service/model=address, or service:rpc=address for the model that an RPC takes when none is "
        f"named, where service is one of {', '.join(known)}"
    )


def _channel_options(service: str, policy: ChannelPolicy, *, retry: bool) -> list[tuple[str, int | str]]:
    return [
        ("grpc.service_config", json.dumps(_service_config(service, policy, retry=retry))),
        ("grpc.enable_retries", int(retry)),
        # Without it a request above 256 KiB, so every photograph, is silently never retried.
        ("grpc.per_rpc_retry_buffer_size", max(32 * _MIB, policy.max_message_bytes)),
        ("grpc.max_send_message_length", policy.max_message_bytes),
        ("grpc.max_receive_message_length", policy.max_message_bytes),
        ("grpc.enable_http_proxy", 0),  # services are neighbours, whatever the environment says about the world outside
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.initial_reconnect_backoff_ms", _RECONNECT_FIRST_MS),
        ("grpc.min_reconnect_backoff_ms", _CONNECT_TIMEOUT_MS),
        ("grpc.max_reconnect_backoff_ms", _RECONNECT_MOST_MS),
        ("grpc.dns_min_time_between_resolutions_ms", _RESOLVE_AGAIN_MS),
    ]


def _service_config(service: str, policy: ChannelPolicy, *, retry: bool) -> dict[str, object]:
    """Balance over all replicas that say they serve; repeat what failed before any answer began."""
    config: dict[str, object] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
    }
    if retry and policy.retry_attempts > 1:
        retry_policy = {
            "maxAttempts": policy.retry_attempts,
            "initialBackoff": f"{policy.retry_first_backoff_s}s",
            "maxBackoff": f"{policy.retry_most_backoff_s}s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        # A service that mostly fails is not asked more than once: repeating would keep it down.
        config["retryThrottling"] = {"maxTokens": 1000, "tokenRatio": 1}
        config["methodConfig"] = [{"name": [{"service": service_names()[service]}], "retryPolicy": retry_policy}]
    return config
