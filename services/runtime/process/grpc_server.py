"""Decides how the gRPC server of a process behaves on the wire: message sizes, keepalive, connection age.

It ignores which services are registered. `maximum_concurrent_rpcs` is not used on purpose: it refuses health checks
and is starved by slow uploads; see `process/admission.py`.
"""

from collections.abc import Sequence

import grpc
from grpc_reflection.v1alpha import reflection

from services.runtime.errors import StartupError
from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.guard import Guard, GuardedServer
from services.runtime.process.health import SERVICE_NAME as HEALTH
from services.runtime.process.ports import address, check_free
from services.runtime.process.settings import ProcessSettings

SERVER_PING_MS = 60_000
"""How often the server asks an idle client whether it is alive, so that dead peers do not hold calls open."""
SERVER_PING_TIMEOUT_MS = 20_000
LEAST_CLIENT_PING_MS = 10_000
"""Clients may ping this often, also without a call in flight; gRPC's default of 5 minutes breaks connections."""


def new_server(settings: ProcessSettings, admission: Admission, recorder: CallRecorder) -> grpc.aio.Server:
    """A server without services or ports, whose handlers are guarded."""
    message_bytes = settings.max_message_mib * 1024 * 1024
    options: list[tuple[str, int]] = [
        ("grpc.max_receive_message_length", message_bytes),
        ("grpc.max_send_message_length", message_bytes),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        ("grpc.max_connection_age_ms", round(settings.max_connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", round(settings.max_connection_age_grace_s * 1000)),
        ("grpc.keepalive_time_ms", SERVER_PING_MS),
        ("grpc.keepalive_timeout_ms", SERVER_PING_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", LEAST_CLIENT_PING_MS),
        # Otherwise a second process on the same port starts without a word and takes half of the connections.
        ("grpc.so_reuseport", 0),
    ]
    return GuardedServer(Guard(admission, recorder), options)


def bind(server: grpc.aio.Server, settings: ProcessSettings) -> int:
    """Listen on the gRPC port and return it.

    Raises:
        StartupError: the port cannot be had.
    """
    check_free(settings.host, settings.grpc_port, "grpc_port")
    try:
        return int(server.add_insecure_port(address(settings.host, settings.grpc_port)))
    except RuntimeError:
        where = address(settings.host, settings.grpc_port)
        raise StartupError(f"grpc_port {settings.grpc_port}: cannot listen on {where}") from None


def add_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Let clients list `services` and their methods."""
    reflection.enable_server_reflection((*services, HEALTH, reflection.SERVICE_NAME), server)
