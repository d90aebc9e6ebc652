from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import read_string
from imago.v1 import detector_pb2, image_pb2, recognizer_pb2

MODEL = (2,)


@given(st.binary(max_size=300), st.text(max_size=40), st.text(max_size=5), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_model_is_read_as_protobuf_would_read_it(
    image: bytes, model: str, version: str, score: float, count: int
) -> None:
    request = detector_pb2.DetectRequest(
        image=image_pb2.Image(encoded=image),
        model=model,
        version=version,
        score_threshold=score,
        max_detections=count,
        labels=[version, model],
    )
    assert read_string(request.SerializeToString(), MODEL) == model


@given(st.text(max_size=40))
def test_a_model_inside_the_message_that_opens_a_stream_is_found(model: str) -> None:
    start = detector_pb2.DetectStreamRequest(start=detector_pb2.DetectStreamStart(model=model, alert_after_frames=7))
    assert read_string(start.SerializeToString(), (1, 1)) == model


def test_the_last_of_two_values_wins() -> None:
    first, second = detector_pb2.DetectRequest(model="a"), detector_pb2.DetectRequest(model="b")
    assert read_string(first.SerializeToString() + second.SerializeToString(), MODEL) == "b"


def test_doubles_and_fixed_numbers_are_skipped() -> None:
    fixed64, fixed32 = b"\x31" + b"\x12" * 8, b"\x35" + b"\x12" * 4
    assert read_string(fixed64 + fixed32 + b"\x12\x01m", MODEL) == "m"


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_name_no_model_and_never_fail(noise: bytes) -> None:
    assert isinstance(read_string(noise, MODEL), str)


def test_a_message_that_is_cut_short_names_no_model() -> None:
    whole = recognizer_pb2.EnrollRequest(model="m", idempotency_key="key").SerializeToString()
    assert read_string(whole, (7,)) == "key"
    assert read_string(whole[:-1], (7,)) == ""


def test_a_number_without_end_names_no_model() -> None:
    assert read_string(b"\x80" * 11, MODEL) == ""
