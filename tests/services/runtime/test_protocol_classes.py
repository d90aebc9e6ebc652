"""An output asked for as classes: best first, with labels, row by row."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import InferRequestedOutput, service_pb2

from services.runtime.errors import InvalidInput, Unsupported
from services.runtime.model import DATATYPES
from services.runtime.protocol_classes import MAX_ELEMENTS, classify, read_classification
from tests.services.runtime.protocol_fakes import config_of

TENSORS = 'input [{ name: "x" data_type: TYPE_FP32 dims: [-1] }] output [{ name: "y" data_type: TYPE_FP32 dims: [-1] }]'
FLAT = config_of(f'name: "m" {TENSORS}', labels={"y": ("cat", "dog")})
BATCHED = config_of(f'name: "m" max_batch_size: 8 {TENSORS}')


def best(scores: Any, count: int, config: Any = FLAT) -> Any:
    return classify({"y": np.asarray(scores)}, {"y": count}, config)["y"].tolist()


def test_a_class_is_its_score_its_index_and_its_label_if_it_has_one() -> None:
    assert best(np.array([0.25, 0.5, 1.5], np.float32), 3) == [b"1.500000:2", b"0.500000:1:dog", b"0.250000:0:cat"]


def test_whole_scores_stay_whole() -> None:
    assert best(np.array([3, 250], np.uint8), 2) == [b"250:1:dog", b"3:0:cat"]


def test_no_more_classes_come_than_there_are() -> None:
    assert len(best(np.array([1, 2], np.float64), 9)) == 2


def test_each_row_of_a_batch_has_its_own_classes() -> None:
    assert best(np.array([[1, 2], [4, 3]], np.int32), 1, BATCHED) == [[b"2:1"], [b"4:0"]]


def test_without_a_batch_axis_all_scores_compete() -> None:
    assert best(np.array([[1, 2], [4, 3]], np.int32), 2) == [b"4:2", b"3:3"]


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=30))
def test_of_equal_scores_the_first_comes_first(scores: list[int]) -> None:
    indices = [int(text.split(b":")[1]) for text in best(np.array(scores, np.int8), len(scores))]
    assert indices == sorted(range(len(scores)), key=lambda i: -scores[i])


@pytest.mark.parametrize("datatype", ["BYTES", "BOOL", "FP16"])
def test_what_cannot_be_sorted_has_no_classes(datatype: str) -> None:
    with pytest.raises(
        InvalidInput, match=f"class result not available for output due to unsupported type '{datatype}'"
    ):
        best(np.zeros(2, DATATYPES[datatype]), 1)


def test_too_many_scores_are_not_sorted() -> None:
    with pytest.raises(InvalidInput, match="classification output tensor too large"):
        best(np.zeros(MAX_ELEMENTS + 1, np.uint8), 1)


def request(**parameters: Any) -> Any:
    output = InferRequestedOutput("y")._get_tensor()
    for key, (kind, value) in parameters.items():
        setattr(output.parameters[key], kind, value)
    return service_pb2.ModelInferRequest(outputs=[output])


def test_tritons_client_asks_for_classes() -> None:
    asked = service_pb2.ModelInferRequest(outputs=[InferRequestedOutput("y", class_count=3)._get_tensor()])
    assert read_classification(asked) == {"y": 3}
    assert read_classification(request()) == {}


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        ("string_param", "3", "invalid value type for 'classification' parameter, expected int64_param"),
        ("int64_param", 0, "invalid value 0 for 'classification' parameter, expected > 0"),
        ("int64_param", -2, "invalid value -2 for 'classification' parameter, expected > 0"),
    ],
)
def test_a_count_that_is_none_is_refused(kind: str, value: Any, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read_classification(request(classification=(kind, value)))


def test_outputs_in_shared_memory_are_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="output 'y' is wanted in shared memory"):
        read_classification(request(shared_memory_region=("string_param", "region")))
