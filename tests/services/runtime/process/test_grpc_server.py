from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.runtime.errors import StartupError
from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.grpc_server import add_reflection, bind, new_server
from services.runtime.process.settings import ProcessSettings

MIB = 1024 * 1024


async def length(request: bytes, _: Any) -> bytes:
    return b"x" * len(request)


@asynccontextmanager
async def serving(
    settings: ProcessSettings, extend: Callable[[grpc.aio.Server], None] | None = None
) -> AsyncIterator[int]:
    server = new_server(settings, Admission(), CallRecorder())
    handlers = {"Length": grpc.unary_unary_rpc_method_handler(length)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
    if extend:
        extend(server)
    port = bind(server, settings)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def local(**settings: Any) -> ProcessSettings:
    return ProcessSettings(host="127.0.0.1", **{"grpc_port": 0, **settings})


async def test_messages_up_to_the_limit_pass_both_ways_and_larger_ones_are_refused_by_code() -> None:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with (
        serving(local(max_message_mib=6)) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel,
    ):
        call: Any = channel.unary_unary("/test.Service/Length", None, None)
        assert len(await call(b"x" * 6 * MIB)) == 6 * MIB
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"x" * (6 * MIB + 1))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_port_of_a_running_server_is_refused_by_name() -> None:
    async with serving(local()) as port:
        second = new_server(local(), Admission(), CallRecorder())
        with pytest.raises(StartupError, match=f"grpc_port {port}: cannot listen on 127.0.0.1:{port}: Address already"):
            bind(second, local(grpc_port=port))


async def test_reflection_lists_our_services_and_the_standard_ones() -> None:
    async with (
        serving(local(), lambda server: add_reflection(server, ["grpc.health.v1.Health"])) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        stream = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter((ask,)))
        answer = await stream.read()
        names = {service.name for service in answer.list_services_response.service}
        assert names == {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
        stream.cancel()
