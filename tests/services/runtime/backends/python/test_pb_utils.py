"""The functions of `triton_python_backend_utils` that need no process."""

from typing import Any

import numpy as np
import pytest

from services.runtime.backends.python.child import pb_utils
from services.runtime.backends.python.child.worker import LONGEST_FAILURE, describe_failure

CONFIG: dict[str, Any] = {"input": [{"name": "X", "dims": [1]}], "output": [{"name": "Y"}]}


@pytest.mark.parametrize("name", sorted(pb_utils.TRITON_STRING_TO_NUMPY))
def test_types_translate_both_ways(name: str) -> None:
    numpy_type = pb_utils.triton_string_to_numpy(name)
    number = pb_utils.numpy_to_triton_type(numpy_type)
    assert number is not None
    assert np.dtype(pb_utils.triton_to_numpy_type(number)) == np.dtype(numpy_type)


def test_types_have_the_numbers_of_the_model_configuration() -> None:
    numbers = [
        pb_utils.numpy_to_triton_type(t) for t in (np.bool_, np.uint8, np.int64, np.float32, np.object_, np.bytes_)
    ]
    assert numbers == [1, 2, 9, 11, 13, 13]
    assert pb_utils.numpy_to_triton_type(np.complex64) is None
    assert pb_utils.triton_to_numpy_type(14) is None


def test_tensors_and_their_configuration_are_found_by_name() -> None:
    x, y = pb_utils.Tensor("X", np.zeros((2, 3), np.int8)), pb_utils.Tensor("Y", np.array([b"a"]))
    request = pb_utils.InferenceRequest(inputs=[x], requested_output_names=["Y"], model_name="other")
    response = pb_utils.InferenceResponse(output_tensors=[y], parameters={"a": 1})
    assert pb_utils.get_input_tensor_by_name(request, "X") is x
    assert pb_utils.get_input_tensor_by_name(request, "Z") is None
    assert pb_utils.get_output_tensor_by_name(response, "Y") is y
    assert (x.shape(), x.triton_dtype(), x.is_cpu(), y.triton_dtype()) == ([2, 3], 6, True, 13)
    assert response.parameters() == '{"a": 1}'
    assert pb_utils.get_input_config_by_name(CONFIG, "X") == {"name": "X", "dims": [1]}
    assert pb_utils.get_output_config_by_name(CONFIG, "X") is None
    assert not pb_utils.using_decoupled_model_transaction_policy(CONFIG)
    assert pb_utils.using_decoupled_model_transaction_policy({"model_transaction_policy": {"decoupled": True}})


def test_cpu_tensors_are_shared_with_other_libraries() -> None:
    array = np.arange(3)
    again = pb_utils.Tensor.from_dlpack("Y", pb_utils.Tensor("X", array))
    assert again.name() == "Y"
    assert np.shares_memory(again.as_numpy(), array)
    capsule = pb_utils.Tensor("X", array).to_dlpack()
    assert pb_utils.Tensor.from_dlpack("Y", capsule).as_numpy().tolist() == [0, 1, 2]


def test_gpu_tensors_are_refused() -> None:
    class OnGpu:
        def __dlpack__(self) -> None: ...

        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

    with pytest.raises(pb_utils.TritonModelException, match="Tensor 'Y' is in GPU memory"):
        pb_utils.Tensor.from_dlpack("Y", OnGpu())


def test_what_is_not_served_says_so() -> None:
    with pytest.raises(pb_utils.TritonModelException, match="does not serve MetricFamily"):
        pb_utils.MetricFamily(name="a", description="b", kind=pb_utils.MetricFamily.COUNTER)
    with pytest.raises(pb_utils.TritonModelException, match="does not reschedule requests"):
        pb_utils.InferenceRequest().set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
    with pytest.raises(pb_utils.TritonModelException, match="has a response sender"):
        pb_utils.InferenceRequest().get_response_sender()


@pytest.mark.parametrize(
    ("name", "array", "error", "message"),
    [
        ("", np.zeros(1), pb_utils.TritonModelException, "Tensor name cannot be an empty string"),
        ("X", [1], TypeError, "Tensor 'X' needs a numpy array, found list"),
        ("X", np.array(["a"]), pb_utils.TritonModelException, "NumPy dtype '<U1' is not supported"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(name: str, array: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pb_utils.Tensor(name, array)


def test_errors_know_their_code() -> None:
    assert pb_utils.TritonError("no").code() == pb_utils.TritonError.INTERNAL
    error = pb_utils.TritonError("bad", pb_utils.TritonError.INVALID_ARG)
    assert (error.code(), error.message()) == (pb_utils.TritonError.INVALID_ARG, "bad")
    response = pb_utils.InferenceResponse(error=error)
    assert response.has_error()
    assert response.error() is error


def completed() -> pb_utils.ModelConfig:
    return pb_utils.ModelConfig(
        '{"name": "m", "max_batch_size": 8, "sequence_batching": {}, "model_transaction_policy": {"decoupled": false}, '
        '"input": [{"name": "X", "data_type": "TYPE_FP32", "dims": [1], "optional": false}], "output": []}'
    )


@pytest.mark.parametrize(
    ("method", "argument", "message"),
    [
        ("set_max_batch_size", 4, "configuration specified max_batch_size 8"),
        ("set_model_transaction_policy", {"decoupled": True}, "trying to change decoupled"),
        ("set_model_transaction_policy", {"other": True}, "property other than 'decoupled'"),
        ("add_input", {"name": "Z", "dims": [1]}, "missing 'data_type'"),
        ("add_output", {"name": "Z", "dims": [1], "data_type": "TYPE_FP32", "optional": True}, "contains property"),
        ("add_input", {"name": "X", "dims": [2], "data_type": "TYPE_FP32"}, r"expects dims \[2\]"),
    ],
)
def test_what_a_configuration_says_is_not_contradicted(method: str, argument: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(completed(), method)(argument)


def test_another_scheduler_is_not_replaced() -> None:
    with pytest.raises(ValueError, match="'sequence_batching'"):
        completed().set_dynamic_batching()


def test_a_failure_that_prints_an_array_stays_one_short_line() -> None:
    assert describe_failure(ValueError("1 2\n" * 10**6)).startswith("ValueError: 1 2 1 2 1 2")
    assert len(describe_failure(ValueError("1 2\n" * 10**6))) <= LONGEST_FAILURE
