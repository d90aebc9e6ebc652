"""One `ModelStreamInfer` call: many requests at once on one stream, each with its answers.

Answers of ordinary models keep the order of their requests, as in Triton; answers of decoupled models come as they
are made. Nothing is buffered here: a model whose answers nobody reads waits, and so does a client that sends faster
than it is answered.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from tritonclient.grpc import service_pb2

from services.runtime.errors import ImagoError
from services.runtime.protocol_classes import classify, read_classification
from services.runtime.protocol_status import triton_status
from services.runtime.protocol_tensors import read_request, write_response
from services.runtime.repository import ModelRepository
from services.runtime.served import ServedModel

MAX_OPEN_REQUESTS = 128
"""Requests of one stream that may be open at once; the next is read when one of them is answered."""


async def answer(model: ServedModel, message: Any, deadline: float) -> Any:
    """The `ModelInferResponse` of an ordinary model to a `ModelInferRequest`."""
    request = read_request(message, model.config, deadline)
    counts = read_classification(message) if message.outputs else None
    response = await model.infer(request)
    classes = classify(response.outputs, counts, model.config) if counts else {}
    return write_response(message, response, classes)


class InferenceStream:
    """The requests of one stream and the pen that writes their answers.

    Args:
        repository: where models are found.
        write: sends one message to the client; returns when the transport has taken it.
        deadline: instant of `time.monotonic()` at which the call ends.
        errors_end_stream: whether the first error ends the call with its status (metadata `triton_grpc_error`)
            instead of becoming a message.
    """

    def __init__(
        self,
        repository: ModelRepository,
        write: Callable[[Any], Awaitable[None]],
        *,
        deadline: float,
        errors_end_stream: bool,
    ) -> None:
        self._repository = repository
        self._write = write
        self._deadline = deadline
        self._errors_end_stream = errors_end_stream
        self._writing = asyncio.Lock()
        self._open = asyncio.Semaphore(MAX_OPEN_REQUESTS)

    async def run(self, messages: AsyncIterable[Any]) -> None:
        """Answer every request; return when the client sends no more and all are answered.

        Raises:
            ImagoError: the first error, if errors end the stream.
        """
        try:
            async with asyncio.TaskGroup() as requests:
                turn = asyncio.Event()
                turn.set()
                async for message in messages:
                    await self._open.acquire()
                    if self._is_decoupled(message):
                        work = self._answer_decoupled(message)
                    else:
                        before, turn = turn, asyncio.Event()
                        work = self._answer_ordinary(message, before, turn)
                    requests.create_task(work).add_done_callback(lambda _: self._open.release())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    def _is_decoupled(self, message: Any) -> bool:
        try:
            return self._repository.find(message.model_name, message.model_version).config.decoupled
        except ImagoError:
            return False  # the answer to this one is an error, in its turn

    async def _answer_ordinary(self, message: Any, before: asyncio.Event, done: asyncio.Event) -> None:
        try:
            model = self._repository.find(message.model_name, message.model_version)
            response = _stream_response(await answer(model, message, self._deadline), final=True)
        except ImagoError as error:
            response = self._error(message, error)
        await before.wait()
        await self._send(response)
        done.set()

    async def _answer_decoupled(self, message: Any) -> None:
        try:
            model = self._repository.find(message.model_name, message.model_version)
            request = read_request(message, model.config, self._deadline)
            counts = read_classification(message)
            wants_end = message.parameters["triton_enable_empty_final_response"].bool_param
            async with aclosing(model.stream(request)) as responses:
                async for response in responses:
                    if response.outputs or not response.final or wants_end:
                        classes = classify(response.outputs, counts, model.config)
                        written = write_response(message, response, classes)
                        await self._send(_stream_response(written, final=response.final))
        except ImagoError as error:
            await self._send(self._error(message, error))

    def _error(self, message: Any, error: ImagoError) -> Any:
        if self._errors_end_stream:
            raise error
        failed = service_pb2.ModelInferResponse(
            model_name=message.model_name, model_version=message.model_version, id=message.id
        )
        response = _stream_response(failed, final=True)
        response.error_message = triton_status(error)[1]
        return response

    async def _send(self, response: Any) -> None:
        async with self._writing:
            await self._write(response)


def _stream_response(response: Any, *, final: bool) -> Any:
    response.parameters["triton_final_response"].bool_param = final
    return service_pb2.ModelStreamInferResponse(infer_response=response)
