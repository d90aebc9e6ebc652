"""Decoupled models: any number of responses, from any thread, never far ahead of a reader who may leave."""

import select
import socket
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from services.runtime.backends.python.channel import Channel
from services.runtime.backends.python.child.pb_inference import InferenceResponse
from services.runtime.backends.python.child.pb_tensor import Tensor, TritonModelException
from services.runtime.backends.python.child.streams import UNREAD_RESPONSES, StreamOutlet
from services.runtime.errors import InvalidInput, ModelFailed, Unavailable, Unsupported
from tests.services.runtime.backends.python.models import DECOUPLED, Sink, ask, in_thread, write_model

REPEAT = """
class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            for value in x(request):
                sender.send(y(value))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""
FAILURE = "Failed to process the request(s) for model 'm', message: "


def test_responses_come_in_order_until_the_final_flag(tmp_path: Path) -> None:
    with write_model(tmp_path, REPEAT, DECOUPLED).loaded() as backend:
        for count in (0, 1, 100):
            sink = Sink()
            backend.stream(ask(*range(count)), sink)
            assert sink.values() == list(range(count))
            assert sink.error is None


def test_a_response_may_carry_the_final_flag_itself(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            requests[0].get_response_sender().send(y(5), pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
    """
    with write_model(tmp_path, source, DECOUPLED).loaded() as backend:
        backend.stream(ask(), sink := Sink())
        assert sink.values() == [5]


def test_requests_answered_from_threads_go_on_side_by_side(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def initialize(self, args):
            self.all_here = threading.Barrier(20)
        def execute(self, requests):
            for request in requests:
                threading.Thread(target=self.answer, args=(request,)).start()
        def answer(self, request):
            self.all_here.wait()
            for value in np.repeat(x(request)[0], 12):
                request.get_response_sender().send(y(value))
            request.get_response_sender().send(flags=1)
    """
    sinks = [Sink() for _ in range(20)]
    sinks[0].open.clear()  # one reader does not read, for as long as the others do
    with write_model(tmp_path, source, DECOUPLED).loaded() as backend:
        for number, sink in enumerate(sinks):
            backend.stream(ask(*[number] * 50_000), sink)
        for number, sink in enumerate(sinks[1:], start=1):
            assert sink.values() == [number] * 12
        assert not sinks[0].finished.is_set()
        sinks[0].open.set()
        assert sinks[0].values() == [0] * 12


def test_a_coroutine_does_not_keep_the_instance_from_the_next_request(tmp_path: Path) -> None:
    source = """
    import asyncio
    class TritonPythonModel:
        def initialize(self, args):
            self.second = asyncio.Event()
        async def execute(self, requests):
            (request,) = requests
            if x(request)[0] == 1:
                await self.second.wait()
            self.second.set()
            request.get_response_sender().send(y(x(request)))
            request.get_response_sender().send(flags=1)
            if x(request)[0] == 3:
                raise ValueError("too late to matter")
    """
    sinks = [Sink() for _ in range(3)]
    with write_model(tmp_path, source, DECOUPLED).loaded() as backend:
        for number, sink in enumerate(sinks, start=1):
            backend.stream(ask(number), sink)
        assert [sink.values() for sink in sinks] == [[1], [2], [3]]
        assert [sink.error for sink in sinks] == [None] * 3


def test_a_model_learns_that_its_reader_left(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            sender = requests[0].get_response_sender()
            sender.send(y(1))
            while not (sender.is_cancelled() and requests[0].is_cancelled()):
                time.sleep(0.001)
            sender.send(y(2))
            sender.send(flags=1)
    """
    with write_model(tmp_path, source, DECOUPLED).loaded() as backend:
        sink = Sink()
        stream = in_thread(backend.stream, ask(), sink)
        assert sink.sent.get(timeout=10)["Y"] == [1]
        sink.cancel()
        assert sink.finished.wait(1)
        stream.join(10)
        assert sink.error is None
        assert sink.sent.empty()


def test_a_reader_who_leaves_frees_a_model_that_waits_for_it(tmp_path: Path) -> None:
    with write_model(tmp_path, REPEAT, DECOUPLED).loaded() as backend:
        sink = Sink()
        sink.open.clear()
        stream = in_thread(backend.stream, ask(*range(1000)), sink)
        assert sink.on_cancel_called.wait(10)
        sink.cancel()
        assert sink.finished.wait(10)
        stream.join(10)
        backend.stream(ask(7), after := Sink())
        assert after.values() == [7]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('odd')", FAILURE + "ValueError: odd"),
        ("sender.send(y(1)); raise ValueError('odd')", FAILURE + "ValueError: odd"),
        ("return [y(1)]", FAILURE + "The model is using the decoupled mode and the execute function must return None, "
                                    "found type 'list'."),
        ("sender.send(y(1))", FAILURE + "it gave up its response sender before it sent the final flag"),
        ("sender.send()",
         FAILURE + "Inference Response object must be provided when the response flags is set to zero."),
        ("sender.send(y(1), 5)", FAILURE + "Unable to send response. Unsupported flag provided."),
        ("sender.send(pb_utils.InferenceResponse([pb_utils.Tensor('Y', np.zeros(1))])); sender.send(flags=1)",
         "model 'm' returned output 'Y' as float64; its configuration says FP32"),
    ],
)  # fmt: skip
def test_a_stream_that_goes_wrong_ends_with_the_reason(tmp_path: Path, body: str, message: str) -> None:
    source = f"""
    class TritonPythonModel:
        def execute(self, requests):
            sender = requests[0].get_response_sender()
            {body}
    """
    with write_model(tmp_path, source, DECOUPLED).loaded() as backend:
        backend.stream(ask(), sink := Sink())
        sink.values()
        assert isinstance(sink.error, ModelFailed)
        assert str(sink.error) == message


def test_an_error_response_ends_the_stream_with_its_code(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            sender = requests[0].get_response_sender()
            error = pb_utils.TritonError("X is odd", pb_utils.TritonError.INVALID_ARG)
            sender.send(y(1))
            sender.send(pb_utils.InferenceResponse(error=error))
            for _ in range(100):
                sender.send(y(2))
            sender.send(flags=1)
    """
    with write_model(tmp_path, source, DECOUPLED).loaded() as backend:
        for _ in range(2):
            backend.stream(ask(), sink := Sink())
            assert sink.values() == [1]
            assert isinstance(sink.error, InvalidInput)
        with pytest.raises(InvalidInput, match="X is odd"):
            backend.warmup([ask()])


def test_a_crash_ends_every_stream_of_the_instance(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def initialize(self, args):
            self.kept = []
        def execute(self, requests):
            self.kept += requests
            if x(requests[0])[0] == 3:
                requests[0].get_response_sender().send(y(1))
                os._exit(3)
    """
    sinks = [Sink() for _ in range(3)]
    with write_model(tmp_path, source, DECOUPLED).loaded() as backend:
        for number, sink in enumerate(sinks, start=1):
            backend.stream(ask(number), sink)
        for sink in sinks:
            assert sink.finished.wait(10)
            assert isinstance(sink.error, Unavailable)
            assert str(sink.error) == (
                "model 'm' instance 'm_0' stopped (exit code 3) while it computed this request; it is being restarted"
            )
    assert sinks[2].values() == [1], "what was sent before the crash is lost"


def test_a_decoupled_model_answers_streams_only(tmp_path: Path) -> None:
    with write_model(tmp_path, REPEAT, DECOUPLED).loaded() as backend:
        backend.warmup([ask(1, 2)])
        with pytest.raises(Unsupported, match="it answers streams only"):
            backend.infer([ask(1)])


def test_a_model_is_never_more_than_its_credit_ahead() -> None:
    ours, theirs = socket.socketpair()
    server, child = Channel(ours), Channel(theirs)
    outlet = StreamOutlet(child, lambda level, message: None, 0)
    response = InferenceResponse([Tensor("Y", np.zeros(1, np.float32))])
    ended = Event()

    def send_twenty() -> None:
        for _ in range(20):
            outlet.deliver(response, final=False)
        ended.set()

    in_thread(send_twenty)
    for _ in range(UNREAD_RESPONSES):
        server.receive()
    assert not select.select([ours], [], [], 0.1)[0]
    outlet.grant(2)
    server.receive()
    server.receive()
    assert not select.select([ours], [], [], 0.1)[0]
    outlet.cancel()
    assert ended.wait(10)
    outlet.deliver(None, final=True)
    assert server.receive().header == {"op": "response", "stream": 0, "final": True}
    with pytest.raises(TritonModelException, match="The request has ended"):
        outlet.deliver(response, final=False)
    server.close()
    child.close()
