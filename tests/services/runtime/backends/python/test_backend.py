"""What an ordinary `model.py` is told, and what becomes of what it answers."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from services.runtime import errors
from services.runtime.backends.python.backend import PythonBackend
from services.runtime.errors import ModelFailed, Unsupported
from services.runtime.model import InferRequest
from tests.services.runtime.backends.python.models import X_TO_Y, Sink, ask, outputs, write_model


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonBackend]:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            return [y(2 * x(request)) for request in requests]
    """
    with write_model(tmp_path_factory.mktemp("repository"), source).loaded() as backend:
        yield backend


def test_each_request_of_a_batch_gets_its_own_answer_in_order(doubling: PythonBackend) -> None:
    outcomes = doubling.infer([ask(1, 2), ask(3), ask()])
    assert [outcome["Y"].tolist() for outcome in outcomes if isinstance(outcome, dict)] == [[2, 4], [6], []]


def test_an_input_that_is_not_contiguous_arrives_whole(doubling: PythonBackend) -> None:
    request = InferRequest("m", {"X": np.arange(8, dtype=np.float32)[::-2]})
    assert outputs(doubling, request)["Y"].tolist() == [14, 10, 6, 2]


def test_fifty_megabytes_go_there_and_back(doubling: PythonBackend) -> None:
    values = np.arange(50 * 2**20 // 4, dtype=np.float32)
    for _ in range(2):
        assert np.array_equal(outputs(doubling, InferRequest("m", {"X": values}))["Y"], 2 * values)


def test_answers_stay_as_they_were_while_later_ones_come(doubling: PythonBackend) -> None:
    answers = [outputs(doubling, InferRequest("m", {"X": np.full(50_000, n, np.float32)}))["Y"] for n in range(8)]
    assert [set(answer.tolist()) for answer in answers] == [{2.0 * n} for n in range(8)]


def test_a_thousand_small_calls_take_less_than_ten_milliseconds_each(
    doubling: PythonBackend, record_property: Callable[[str, object], None]
) -> None:
    request = ask(1)
    begun = perf_counter()
    for _ in range(1000):
        doubling.infer([request])
    per_second = 1000 / (perf_counter() - begun)
    record_property("small_calls_per_second", round(per_second))
    assert per_second > 100


def test_ctrl_c_and_sigterm_do_not_reach_the_model(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            return [y(os.getpid()) for request in requests]
    """
    with write_model(tmp_path, source).loaded() as backend:
        pid = int(outputs(backend, ask())["Y"][0])
        assert os.getpgid(pid) != os.getpgid(0)
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert int(outputs(backend, ask())["Y"][0]) == pid


def test_bytes_arrive_and_return_as_bytes(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            (request,) = requests
            text = pb_utils.get_input_tensor_by_name(request, "X").as_numpy()
            assert text.dtype == np.object_ and type(text[0, 0]) is bytes
            answer = np.array([["é", text[0, 1]], [text[1, 0], 7]], np.object_)
            return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", answer)])]
    """
    config = X_TO_Y.replace("FP32", "STRING").replace("[-1]", "[-1, 2]")
    with write_model(tmp_path, source, config).loaded() as backend:
        given = np.array([[b"", b"\xff\x00"], [b"long" * 20_000, b""]], np.object_)
        answer = outputs(backend, InferRequest("m", {"X": given}))["Y"]
    assert answer.tolist() == [["é".encode(), b"\xff\x00"], [b"long" * 20_000, b"7"]]


def test_an_optional_input_may_be_left_out(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            return [y([0 if pb_utils.get_input_tensor_by_name(r, "SCALE") is None else 1]) for r in requests]
    """
    config = X_TO_Y.replace(
        "dims: [-1]}]", 'dims: [-1]}, {name: "SCALE" data_type: TYPE_FP32 dims: [1] optional: true}]', 1
    )
    with write_model(tmp_path, source, config).loaded() as backend:
        with_scale = InferRequest("m", {"X": np.zeros(1, np.float32), "SCALE": np.ones(1, np.float32)})
        assert outputs(backend, ask(1))["Y"] == [0]
        assert outputs(backend, with_scale)["Y"] == [1]


def test_an_input_may_be_written_to_and_kept(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def initialize(self, args):
            self.kept = []
        def execute(self, requests):
            array = x(requests[0])
            array += 1
            self.kept.append(array)
            return [y([kept[0] for kept in self.kept])]
    """
    with write_model(tmp_path, source).loaded() as backend:
        for size in (10, 50_000, 90_000, 50_000):  # inline, then in shared memory
            answer = outputs(backend, InferRequest("m", {"X": np.full(size, size, np.float32)}))["Y"].tolist()
    assert answer == [11, 50_001, 90_001, 50_001]


def test_execute_may_be_a_coroutine_and_may_use_the_response_sender(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        async def execute(self, requests):
            requests[0].get_response_sender().send(y(1), pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            return [None, y(2)]
    """
    with write_model(tmp_path, source).loaded() as backend:
        first, second = backend.infer([ask(), ask()])
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["Y"].tolist(), second["Y"].tolist()) == ([1], [2])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("INVALID_ARG", errors.InvalidInput),
        ("NOT_FOUND", errors.NotFound),
        ("UNAVAILABLE", errors.Unavailable),
        ("UNSUPPORTED", errors.Unsupported),
        ("CANCELLED", errors.Cancelled),
        ("INTERNAL", errors.ModelFailed),
        ("ALREADY_EXISTS", errors.ModelFailed),
    ],
)
def test_a_triton_error_fails_its_own_request_with_its_own_code(
    faulty: PythonBackend, code: str, expected: type[errors.ImagoError]
) -> None:
    good, bad = faulty.infer([fault("fine"), fault(code)])
    assert isinstance(good, dict)
    assert type(bad) is expected
    assert str(bad) == f"told {code}"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonBackend]:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            answers = [self.answer(request, request.request_id()) for request in requests]
            return answers[0] if requests[0].request_id().startswith("return ") else answers

        def answer(self, request, fault):
            if fault.isupper():
                code = getattr(pb_utils.TritonError, fault)
                return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"told {fault}", code))
            return {
                "fine": lambda: y(1),
                "raise": lambda: [][1],
                "raise own": lambda: self.raise_own(),
                "none": lambda: None,
                "tensor": lambda: pb_utils.Tensor("Y", np.zeros(1, np.float32)),
                "unknown": lambda: self.named("Z", np.zeros(1, np.float32)),
                "float64": lambda: self.named("Y", np.zeros(1)),
                "text": lambda: self.named("Y", np.array(["a"])),
                "not utf-8": lambda: self.named("Y", np.array(["\\ud800"], np.object_)),
                "nothing": lambda: pb_utils.InferenceResponse([]),
                "call": lambda: pb_utils.InferenceRequest(model_name="other", inputs=[]).exec(),
                "return none": lambda: None, "return dict": lambda: {},
                "return two": lambda: [y(1), y(2)],
            }[fault]()

        def named(self, name, array):
            return pb_utils.InferenceResponse([pb_utils.Tensor(name, array)])

        def raise_own(self):
            raise pb_utils.TritonModelException("no such luck")
    """
    with write_model(tmp_path_factory.mktemp("repository"), source).loaded() as backend:
        yield backend


def fault(name: str, *wanted: str) -> InferRequest:
    return InferRequest("m", {"X": np.zeros(1, np.float32)}, id=name, outputs=wanted)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raise", "IndexError: list index out of range"),
        ("raise own", "no such luck"),
        ("none", "execute() gave no response to request 0 of 1"),
        ("tensor", "Expected an 'InferenceResponse' object in the execute function return list, found type 'Tensor'."),
        ("text", "Tensor 'Y': NumPy dtype '<U1' is not supported."),
        ("not utf-8", "UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800' in position 0: "
         "surrogates not allowed"),
        ("call", "This runtime does not let a model call another one: model 'other' was called."),
        ("return none", "execute() gave no response to request 0 of 1"),
        ("return dict", "Expected a list in the execute return, found type 'dict'."),
        ("return two", "Number of InferenceResponse objects do not match the number of InferenceRequest objects. "
         "InferenceRequest(s) size is:1, and InferenceResponse(s) size is:2"),
    ],
)  # fmt: skip
def test_a_batch_fails_as_a_whole_when_execute_does(faulty: PythonBackend, name: str, message: str) -> None:
    with pytest.raises(ModelFailed) as raised:
        faulty.infer([fault(name)])
    assert str(raised.value) == f"Failed to process the request(s) for model 'm', message: {message}"


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("unknown", (), "model 'm' returned an output 'Z' that its configuration does not have"),
        ("float64", (), "model 'm' returned output 'Y' as float64; its configuration says FP32"),
        ("nothing", ("Y",), "model 'm' did not return the requested output 'Y'"),
    ],
)
def test_wrong_outputs_fail_their_own_request(
    faulty: PythonBackend, name: str, wanted: tuple[str, ...], message: str
) -> None:
    good, bad = faulty.infer([fault("fine"), fault(name, *wanted)])
    assert isinstance(good, dict)
    assert isinstance(bad, ModelFailed)
    assert str(bad) == message


def test_a_traceback_goes_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            raise ValueError("odd")
    """
    with write_model(tmp_path, source).loaded() as backend, pytest.raises(ModelFailed, match="ValueError: odd"):
        backend.infer([ask()])
    assert 'raise ValueError("odd")' in caplog.text


def test_a_model_that_is_not_decoupled_has_no_streams(doubling: PythonBackend) -> None:
    sink = Sink()
    doubling.stream(ask(1), sink)
    assert isinstance(sink.error, Unsupported)


def test_warming_up_raises_what_went_wrong(faulty: PythonBackend) -> None:
    faulty.warmup([fault("fine")])
    with pytest.raises(errors.NotFound, match="told NOT_FOUND"):
        faulty.warmup([fault("fine"), fault("NOT_FOUND")])


async def test_the_event_loop_goes_on_while_a_model_holds_the_interpreter(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            end = time.monotonic() + 1
            while time.monotonic() < end: pass
            return [y(1) for _ in requests]
    """
    loop = asyncio.get_running_loop()
    with write_model(tmp_path, source).loaded() as backend, ThreadPoolExecutor(1) as instance:
        answer = loop.run_in_executor(instance, backend.infer, [ask()])
        longest = turns = 0.0
        while not answer.done():
            begun = perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, perf_counter() - begun)
            turns += 1
    assert turns > 100
    assert longest < 0.5
