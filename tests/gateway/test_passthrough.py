"""What crosses the gateway beside the messages, both ways."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from imago.v1 import detector_pb2, detector_pb2_grpc, generator_pb2, generator_pb2_grpc
from services.runtime.errors import InvalidInput, Overloaded
from services.runtime.process.status import code_of, trailers_of
from tests.gateway.fakes import Context, Detector, Gateway, gateway, hang_until, photo, serving, status_of

END = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
REQUEST = detector_pb2.DetectFacesRequest(image=photo())


def detector_of(door: Gateway) -> "detector_pb2_grpc.DetectorServiceAsyncStub":
    return detector_pb2_grpc.DetectorServiceStub(door.channel)


async def test_metadata_and_trailers_cross_in_text_and_in_binary() -> None:
    async def greet(_: Any, context: Context) -> None:
        await context.send_initial_metadata((("greeting", "hello"), ("greeting-bin", b"\x00\xff")))

    detector = Detector(name="replica-7", first=greet)
    async with serving(detector) as address, gateway(detector=address) as door:
        sent = (("authorization", "Bearer t"), ("x-trace-bin", b"\x01\x02"))
        call = detector_of(door).DetectFaces(REQUEST, metadata=sent)
        await call
        initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
    received = dict(detector.contexts[0].invocation_metadata() or ())
    assert (received["authorization"], received["x-trace-bin"]) == ("Bearer t", b"\x01\x02")
    assert (dict(initial)["greeting"], dict(initial)["greeting-bin"]) == ("hello", b"\x00\xff")
    assert dict(trailing)["served-by"] == "replica-7"


def trailers_of_call(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    trailers: Any = error.trailing_metadata()
    return dict(trailers)


def refuse(error: InvalidInput | Overloaded) -> Any:
    async def abort(_: Any, context: Context) -> None:
        await context.abort(code_of(error), str(error), trailers_of(error))

    return abort


async def test_status_details_of_a_service_reach_the_caller_unchanged() -> None:
    detector = Detector(first=refuse(InvalidInput("upsample is 9, at most 4", field="upsample")))
    async with serving(detector) as address, gateway(detector=address) as door:
        error = await status_of(detector_of(door).DetectFaces(REQUEST))
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "upsample is 9, at most 4")
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # typed for the synchronous API alone
    assert status is not None
    wrong = error_details_pb2.BadRequest()
    status.details[0].Unpack(wrong)
    assert wrong.field_violations[0].field == "upsample"


async def test_a_full_service_tells_retrying_clients_when_to_come_back() -> None:
    detector = Detector(first=refuse(Overloaded("the queue is full", retry_after_s=0.3)))
    async with serving(detector) as address, gateway(detector=address) as door:
        error = await status_of(detector_of(door).DetectFaces(REQUEST))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert trailers_of_call(error)["grpc-retry-pushback-ms"] == "300"
    assert detector.calls == 1


async def test_a_service_never_has_more_time_than_its_caller_left_it() -> None:
    left: list[float | None] = []

    async def look(_: Any, context: Context) -> None:
        left.append(context.time_remaining())

    async with serving(Detector(first=look)) as address, gateway(detector=address, unary_timeout_s=60) as door:
        for timeout in (0.7, 3.0, 20.0, None):
            await detector_of(door).DetectFaces(REQUEST, timeout=timeout)
    for seen, granted in zip(left, (0.7, 3.0, 20.0, 61.0), strict=True):
        assert seen is not None
        assert granted * 0.5 < seen <= granted


async def test_a_slow_service_ends_with_the_callers_deadline() -> None:
    async with serving(Detector(first=hang_until(asyncio.Event()))) as address, gateway(detector=address) as door:
        error = await status_of(detector_of(door).DetectFaces(REQUEST, timeout=0.2))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_caller_who_cancels_ends_the_work_of_the_service() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work(_: Any, __: Context) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(Detector(first=work)) as address, gateway(detector=address) as door:
        for ask in (
            lambda: detector_of(door).DetectFaces(REQUEST),
            lambda: detector_of(door).DetectStream(one_frame()),
        ):
            started.clear()
            ended.clear()
            call: Any = ask()
            await asyncio.wait_for(started.wait(), 5)
            call.cancel()
            await asyncio.wait_for(ended.wait(), 5)


async def one_frame() -> AsyncIterator[detector_pb2.DetectStreamRequest]:
    yield detector_pb2.DetectStreamRequest()


async def test_frames_and_answers_take_turns_in_a_stream() -> None:
    detector = Detector()
    async with serving(detector) as address, gateway(detector=address) as door:
        call = detector_of(door).DetectStream(None, metadata=(("x-camera", "door"),))
        await call.write(detector_pb2.DetectStreamRequest(start=detector_pb2.DetectStreamStart()))
        for index in range(3):
            await call.write(
                detector_pb2.DetectStreamRequest(frame=detector_pb2.VideoFrame(image=photo(), time_us=index))
            )
            answer = await call.read()
            assert isinstance(answer, detector_pb2.DetectStreamResponse)
            assert answer.frame_index == index
        await call.done_writing()
        assert await call.read() is END
        assert await call.code() is grpc.StatusCode.OK
    assert [request.frame.time_us for request in detector.requests] == [0, 0, 1, 2]
    assert dict(detector.contexts[0].invocation_metadata() or ())["x-camera"] == "door"


async def test_a_stream_that_the_service_ends_early_ends_for_the_caller_who_is_still_sending() -> None:
    async def enough(_: Any, context: Context) -> None:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "enough", (("x-why", "tired"),))

    async with serving(Detector(first=enough)) as address, gateway(detector=address) as door:
        call = detector_of(door).DetectStream(None)
        await call.write(detector_pb2.DetectStreamRequest())
        error = await status_of(call.read())
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "enough")
    assert trailers_of_call(error)["x-why"] == "tired"


async def test_a_stream_without_any_message_ends_as_the_service_ends_it() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        call = detector_of(door).DetectStream(None)
        await call.done_writing()
        assert await call.read() is END


async def test_an_rpc_that_the_service_lacks_is_its_own_unimplemented() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        error = await status_of(detector_of(door).Detect(detector_pb2.DetectRequest()))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "Method not implemented!" in (error.details() or "")


async def test_a_service_that_is_not_configured_is_unimplemented_and_names_its_setting() -> None:
    async with gateway() as door:
        stub = generator_pb2_grpc.GeneratorServiceStub(door.channel)
        unary = await status_of(stub.Generate(generator_pb2.GenerateRequest()))
        stream = await status_of(stub.Interpolate(generator_pb2.InterpolateRequest()).read())
    for error in (unary, stream):
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        assert error.details() == "This gateway has no generator: IMAGO_GENERATOR (--generator) is not set."
