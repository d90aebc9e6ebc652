"""How every call travels: balanced over replicas, retried where that is safe, with room for images.

Knows nothing of what is called. The sync client uses it; an aio client can open its channel with the same options.
"""

import json

import grpc

from imago.v1 import detector_pb2, gateway_pb2, generator_pb2, translator_pb2

MIB = 1 << 20

# Reads only: a write without an idempotency key must not happen twice. A server that is full tells in the trailer
# `grpc-retry-pushback-ms` how long to wait.
RETRIED_SERVICES = [
    detector_pb2.DESCRIPTOR.services_by_name["DetectorService"].full_name,
    gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"].full_name,
    generator_pb2.DESCRIPTOR.services_by_name["GeneratorService"].full_name,
    translator_pb2.DESCRIPTOR.services_by_name["TranslatorService"].full_name,
]
SERVICE_CONFIG = {
    # Without it a channel would stay with the first replica that it found.
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": service} for service in RETRIED_SERVICES],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
            },
        }
    ],
    # When most calls fail, retries stop, so that they cannot keep a struggling server down.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}

SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "xds:")

OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    # A request that does not fit is silently never retried; the default of 256 KiB holds no photograph.
    ("grpc.per_rpc_retry_buffer_size", 32 * MIB),
    # The server's limit decides, and its answer says so.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", 64 * MIB),
]


def target(server: str) -> str:
    """The gRPC name of `HOST:PORT`, resolved to all its addresses; what is such a name already stays as it is."""
    return server if server.startswith(SCHEMES) else f"dns:///{server}"


def open_channel(server: str) -> grpc.Channel:
    """A plaintext channel, which connects at its first call."""
    return grpc.insecure_channel(target(server), options=OPTIONS)
