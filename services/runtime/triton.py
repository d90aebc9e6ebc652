"""The other engine: a Triton Inference Server, reached with Triton's own client.

It carries deadline and cancellation there and errors back. It batches nothing, retries nothing and loads nothing.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from math import inf
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any

from grpc import StatusCode
from grpc.aio import AioRpcError
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from services.runtime.config import MODEL_NAME, ConfigError, ModelConfig, finish_config
from services.runtime.errors import (
    Cancelled,
    DeadlineExpired,
    ImagoError,
    InvalidInput,
    ModelFailed,
    NotFound,
    Overloaded,
    QueueTimeout,
    StartupError,
    Unavailable,
    Unsupported,
)
from services.runtime.model import InferRequest, InferResponse, ModelTiming, Parameter, Tensor, Tensors

_log = logging.getLogger(__name__)

_ERRORS: dict[str, type[ImagoError]] = {
    str(code): error
    for code, error in (
        (StatusCode.INVALID_ARGUMENT, InvalidInput),
        (StatusCode.NOT_FOUND, NotFound),
        (StatusCode.UNIMPLEMENTED, Unsupported),
        (StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        (StatusCode.DEADLINE_EXCEEDED, DeadlineExpired),
        (StatusCode.CANCELLED, Cancelled),
        (StatusCode.UNAVAILABLE, Unavailable),
    )
}

_TEXTS: dict[str, type[ImagoError]] = {
    "Exceeds maximum queue size": Overloaded,
    "Request timeout expired": QueueTimeout,
}
"""Refusals that Triton tells apart from other UNAVAILABLE ones by their text alone."""

_ERRORS_WITH_STATUS = {"triton_grpc_error": "true"}
"""Stream metadata that makes Triton end the stream with a status instead of a text without a code."""

_CLIENT_ARGUMENTS = ("timeout", "priority")
"""Parameters that the client takes as arguments of their own."""

_OF_THE_SERVER = "triton_"

_REQUEST_ID = re.compile(r"^\[request id: .*?\] ")
"""What Triton puts before its sentences; our own engine does not."""

_QUESTION_TIMEOUT_S = 10.0
"""For what Triton answers from memory."""


class TritonEngine:
    """`model.Engine` over one Triton server; create it inside a running event loop.

    Triton tells nobody how long one request waited or whom it rode with: a `ModelTiming` from here has the whole round
    trip as `compute_us`, `queue_us` 0, and `batch_size` 0 for "not known". Nor does it send label files: they are read
    from this machine's copy of the model's folder, and where there is none, a `ModelConfig` from here has no labels.
    A stream's last response is an empty one that marks its end.

    Args:
        url: host:port of Triton's gRPC endpoint.
        max_message_bytes: largest message in either direction.
        repositories: folders of models on this machine; only label files are read from them.
    """

    def __init__(self, url: str, *, max_message_bytes: int, repositories: Sequence[Path] = ()) -> None:
        self._url = url
        self._repositories = repositories
        self._client = InferenceServerClient(
            url,
            channel_args=[
                ("grpc.max_send_message_length", max_message_bytes),
                ("grpc.max_receive_message_length", max_message_bytes),
            ],
        )

    async def infer(self, request: InferRequest) -> InferResponse:
        begun_ns = monotonic_ns()
        arguments = _arguments(request)
        try:
            result = await self._client.infer(client_timeout=_time_left(request), **arguments)
        except InferenceServerException as error:
            raise _translated(error.status(), error.message()) from None
        return _response(request, result, begun_ns, final=True)

    async def stream(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        begun_ns = monotonic_ns()
        arguments = _arguments(request)

        async def requests() -> AsyncIterator[dict[str, Any]]:
            yield arguments

        timeout = _time_left(request)
        call = self._client.stream_infer(requests(), stream_timeout=timeout, headers=_ERRORS_WITH_STATUS)
        try:
            async for result, error in call:
                if error is not None:
                    raise _translated(error.status(), error.message())
                yield _response(request, result, begun_ns, final=False)
        except AioRpcError as error:
            raise _translated(str(error.code()), error.details()) from None
        finally:
            call.cancel()  # gRPC would keep an abandoned call alive
        yield InferResponse({}, _timing(request, request.version, begun_ns))

    async def model_config(self, name: str, version: str = "") -> ModelConfig:
        try:
            answer = await self._client.get_model_config(name, version, client_timeout=_QUESTION_TIMEOUT_S)
        except InferenceServerException as error:
            raise _translated(error.status(), error.message()) from None
        try:
            return finish_config(answer.config, self._folder_of(answer.config.name))
        except ConfigError as error:
            raise ModelFailed(str(error)) from None

    def _folder_of(self, model: str) -> Path | None:
        if not MODEL_NAME.fullmatch(model):
            return None
        return next((root / model for root in self._repositories if (root / model).is_dir()), None)

    async def ready_models(self) -> list[str]:
        """Names of the models that Triton has ready, sorted."""
        return sorted({model.name for model in await self._index() if model.state == "READY"})

    async def ready_versions(self, name: str) -> tuple[str, ...]:
        index = await self._index()
        versions = [model.version for model in index if model.name == name and model.state == "READY"]
        return tuple(sorted(versions, key=int))

    async def _index(self) -> Any:
        try:
            return (await self._client.get_model_repository_index(client_timeout=_QUESTION_TIMEOUT_S)).models
        except InferenceServerException as error:
            raise _translated(error.status(), error.message()) from None

    async def wait_until_ready(self, patience_s: float) -> None:
        """Return when Triton says that it is ready.

        Raises:
            StartupError: it has not said so after `patience_s` seconds.
        """
        give_up_at = monotonic() + patience_s
        _log.info("waiting for Triton", extra={"address": self._url, "patience_s": patience_s})
        while not await self._is_ready(give_up_at - monotonic()):
            if monotonic() >= give_up_at:
                raise StartupError(f"Triton at {self._url} was not ready within {patience_s:g} s")
            await asyncio.sleep(min(0.5, max(0.0, give_up_at - monotonic())))

    async def _is_ready(self, timeout_s: float) -> bool:
        try:
            return bool(await self._client.is_server_ready(client_timeout=max(timeout_s, 0.001)))
        except InferenceServerException:
            return False

    async def close(self) -> None:
        await self._client.close()


def _arguments(request: InferRequest) -> dict[str, Any]:
    """The request as the client's keyword arguments."""
    parameters = dict(request.parameters)
    own = {key: parameters.pop(key) for key in _CLIENT_ARGUMENTS if key in parameters}
    return {
        "model_name": request.model,
        "model_version": request.version,
        "inputs": [_input(name, tensor) for name, tensor in request.inputs.items()],
        "outputs": [InferRequestedOutput(name) for name in request.outputs] or None,
        "request_id": request.id,
        "parameters": parameters,
        **own,
    }


def _input(name: str, tensor: Tensor) -> Any:
    datatype = np_to_triton_dtype(tensor.dtype)
    if datatype is None:
        raise InvalidInput(f"input '{name}' has dtype {tensor.dtype}, which the protocol does not have", field=name)
    return InferInput(name, list(tensor.shape), datatype).set_data_from_numpy(tensor)


def _time_left(request: InferRequest) -> float | None:
    if request.deadline == inf:
        return None
    left = request.deadline - monotonic()
    if left <= 0:
        raise DeadlineExpired("the deadline had passed before the request was sent to Triton")
    return left


def _response(request: InferRequest, result: Any, begun_ns: int, *, final: bool) -> InferResponse:
    message = result.get_response()
    outputs: Tensors = {output.name: result.as_numpy(output.name) for output in message.outputs}
    parameters: dict[str, Parameter] = {
        key: getattr(value, value.WhichOneof("parameter_choice"))
        for key, value in message.parameters.items()
        if not key.startswith(_OF_THE_SERVER)
    }
    timing = _timing(request, message.model_version or request.version, begun_ns)
    return InferResponse(outputs, timing, parameters, final)


def _timing(request: InferRequest, version: str, begun_ns: int) -> ModelTiming:
    return ModelTiming(request.model, version, 0, (monotonic_ns() - begun_ns) // 1000, 0)


def _translated(status: str | None, message: str | None) -> ImagoError:
    text = _REQUEST_ID.sub("", message or "Triton gave no reason")
    for known, kind in _TEXTS.items():
        if known in text:
            return kind(text)
    error = _ERRORS.get(status or "", ModelFailed)
    if error is Unavailable and ("ipv4:" in text or "ipv6:" in text or "unix:" in text):
        return Unavailable("the Triton server cannot be reached")  # its address is nobody else's business
    return error(text)
