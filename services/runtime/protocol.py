"""`inference.GRPCInferenceService`: the Open Inference Protocol with Triton's extensions, over a model repository.

It decides what each RPC answers, with Triton's codes and texts. It ignores how models are loaded and run.
"""

# ruff: noqa: N802 - the RPCs keep their names

from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.runtime.errors import ImagoError, Unsupported
from services.runtime.protocol_status import triton_status
from services.runtime.protocol_stream import InferenceStream, answer
from services.runtime.repository import ModelRepository
from services.runtime.served import ServedModel
from services.runtime.telemetry import Duration, ModelStatistics

SERVICE = "inference.GRPCInferenceService"
SERVER_NAME = "imago"
SERVER_VERSION = "0.1.0"
"""The project's version: servers run from the tree, where no package metadata is installed."""

EXTENSIONS = ("classification", "model_configuration", "parameters", "statistics")

Context = grpc.aio.ServicerContext[Any, Any]
Method = Callable[[Any, Any, Context], Awaitable[Any]]


def _refusal(code: grpc.StatusCode, sentence: str) -> Method:
    async def refuse(_servicer: Any, _message: Any, context: Context) -> None:
        await context.abort(code, sentence)

    return refuse


_NO_CONTROL = _refusal(grpc.StatusCode.UNAVAILABLE, "explicit model load / unload is not allowed if polling is enabled")
_NO_SHARED_MEMORY = _refusal(
    grpc.StatusCode.UNIMPLEMENTED, "shared memory is not supported: send tensors inside the message"
)


class InferenceServicer:
    """The RPCs. `ready` says whether the whole process would take requests."""

    def __init__(self, repository: ModelRepository, ready: Callable[[], bool]) -> None:
        self._repository = repository
        self._ready = ready

    async def ServerLive(self, _message: Any, _context: Context) -> Any:
        return service_pb2.ServerLiveResponse(live=True)

    async def ServerReady(self, _message: Any, _context: Context) -> Any:
        return service_pb2.ServerReadyResponse(ready=self._ready())

    async def ModelReady(self, message: Any, context: Context) -> Any:
        """A model that is unknown or not loaded is an answer, not an error: ready is false."""
        try:
            return service_pb2.ModelReadyResponse(ready=self._repository.is_ready(message.name, message.version))
        except ImagoError as error:
            await context.abort(*triton_status(error))

    async def ServerMetadata(self, _message: Any, _context: Context) -> Any:
        return service_pb2.ServerMetadataResponse(name=SERVER_NAME, version=SERVER_VERSION, extensions=EXTENSIONS)

    async def ModelMetadata(self, message: Any, context: Context) -> Any:
        model = await self._find(message, context)
        config = model.config
        return service_pb2.ModelMetadataResponse(
            name=model.name,
            versions=self._repository.versions(model.name),
            platform=config.message.platform or config.backend,
            inputs=[{"name": t.name, "datatype": t.datatype, "shape": t.shape} for t in config.inputs],
            outputs=[{"name": t.name, "datatype": t.datatype, "shape": t.shape} for t in config.outputs],
        )

    async def ModelConfig(self, message: Any, context: Context) -> Any:
        model = await self._find(message, context)
        return service_pb2.ModelConfigResponse(config=model.config.message)

    async def ModelInfer(self, message: Any, context: Context) -> Any:
        """One request, one answer: the hot path."""
        try:
            model = self._repository.find(message.model_name, message.model_version)
            return await answer(model, message, _deadline(context))
        except ImagoError as error:
            await context.abort(*triton_status(error))

    async def ModelStreamInfer(self, messages: Any, context: Context) -> None:
        metadata = dict(context.invocation_metadata() or ())
        stream = InferenceStream(
            self._repository,
            context.write,
            deadline=_deadline(context),
            errors_end_stream=metadata.get("triton_grpc_error") == "true",
        )
        try:
            await stream.run(messages)
        except ImagoError as error:
            await context.abort(*triton_status(error))

    async def ModelStatistics(self, message: Any, context: Context) -> Any:
        """Of one version, of every ready version of a model, or (no name) of everything that is ready."""
        models = self._repository.models()
        if message.name:
            found = await self._find(message, context)
            models = [found] if message.version else [model for model in models if model.name == found.name]
        return service_pb2.ModelStatisticsResponse(model_stats=[_statistics(model.statistics) for model in models])

    async def RepositoryIndex(self, message: Any, context: Context) -> Any:
        if message.repository_name:
            await context.abort(*triton_status(Unsupported("'repository_name' specification is not supported")))
        return service_pb2.RepositoryIndexResponse(
            models=[
                {"name": entry.name, "version": entry.version, "state": entry.state, "reason": entry.reason}
                for entry in self._repository.index()
                if not message.ready or entry.state == "READY"
            ]
        )

    RepositoryModelLoad = _NO_CONTROL
    RepositoryModelUnload = _NO_CONTROL
    SystemSharedMemoryStatus = _NO_SHARED_MEMORY
    SystemSharedMemoryRegister = _NO_SHARED_MEMORY
    SystemSharedMemoryUnregister = _NO_SHARED_MEMORY
    CudaSharedMemoryStatus = _NO_SHARED_MEMORY
    CudaSharedMemoryRegister = _NO_SHARED_MEMORY
    CudaSharedMemoryUnregister = _NO_SHARED_MEMORY
    TraceSetting = _refusal(grpc.StatusCode.UNIMPLEMENTED, "tracing is not supported: this server records no traces")
    LogSettings = _refusal(
        grpc.StatusCode.UNIMPLEMENTED, "log settings cannot change while the server runs: they are start-up settings"
    )

    async def _find(self, message: Any, context: Context) -> ServedModel:
        try:
            return self._repository.find(message.name, message.version)
        except ImagoError as error:
            await context.abort(*triton_status(error))
            raise


def register(repository: ModelRepository, ready: Callable[[], bool], server: grpc.aio.Server) -> str:
    """Serve the protocol on a server that has not started; returns the service's full name."""
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(InferenceServicer(repository, ready), server)
    return SERVICE


def _deadline(context: Context) -> float:
    remaining = context.time_remaining()
    return inf if remaining is None else monotonic() + remaining


def _statistics(statistics: ModelStatistics) -> Any:
    return service_pb2.ModelStatistics(
        name=statistics.model,
        version=statistics.version,
        last_inference=statistics.last_inference_ms,
        inference_count=statistics.inference_count,
        execution_count=statistics.execution_count,
        inference_stats={
            phase: _duration(getattr(statistics, phase))
            for phase in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")
        },
        batch_stats=[
            {
                "batch_size": size,
                **{
                    phase: _duration(getattr(durations, phase))
                    for phase in ("compute_input", "compute_infer", "compute_output")
                },
            }
            for size, durations in sorted(statistics.batches.items())
        ],
    )


def _duration(duration: Duration) -> dict[str, int]:
    return {"count": duration.count, "ns": duration.ns}
