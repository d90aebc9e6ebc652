"""The least that a Python gRPC server can do for an inference: `python -m tests.benchmarks.bare_grpc PORT`.

A grpc.aio handler on uvloop that answers every ModelInfer with its own input and does nothing else: no queue, no batch,
no check, no model. What it reaches bounds what any server on grpc.aio can reach on the same machine.
"""

import asyncio
import sys
from typing import Any

import grpc
import uvloop
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

LENGTH = 16


class Echo(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # its module has no types
    """Just the RPCs that perf_analyzer needs, for a model of x FP32 [n, 16] -> y FP32 [n, 16]."""

    async def ServerReady(self, _message: Any, _context: Any) -> Any:
        return service_pb2.ServerReadyResponse(ready=True)

    async def ServerMetadata(self, _message: Any, _context: Any) -> Any:
        return service_pb2.ServerMetadataResponse(name="bare", version="1")

    async def ModelReady(self, _message: Any, _context: Any) -> Any:
        return service_pb2.ModelReadyResponse(ready=True)

    async def ModelMetadata(self, message: Any, _context: Any) -> Any:
        x, y = ({"name": name, "datatype": "FP32", "shape": [-1, LENGTH]} for name in "xy")
        return service_pb2.ModelMetadataResponse(name=message.name, versions=["1"], inputs=[x], outputs=[y])

    async def ModelConfig(self, message: Any, _context: Any) -> Any:
        x, y = ({"name": name, "data_type": model_config_pb2.TYPE_FP32, "dims": [LENGTH]} for name in "xy")
        config = model_config_pb2.ModelConfig(name=message.name, max_batch_size=16, input=[x], output=[y])
        return service_pb2.ModelConfigResponse(config=config)

    async def ModelInfer(self, message: Any, _context: Any) -> Any:
        return service_pb2.ModelInferResponse(
            model_name=message.model_name,
            model_version="1",
            id=message.id,
            outputs=[{"name": "y", "datatype": "FP32", "shape": [1, LENGTH]}],
            raw_output_contents=message.raw_input_contents,
        )


async def serve(port: int) -> None:
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Echo(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
