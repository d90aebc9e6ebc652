"""Messages become arrays and arrays messages, without loss; a contradiction is refused in Triton's words."""

# ruff: noqa: E501 - the rows of a table stay on one line

import struct
from math import inf, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import InferInput, InferResult, service_pb2

from services.runtime.errors import InvalidInput, ModelFailed, Unsupported
from services.runtime.model import DATATYPES, InferResponse, ModelTiming, Parameter, Tensors
from services.runtime.protocol_tensors import read_request, write_response
from tests.services.runtime.protocol_fakes import config_of

CONFIG = config_of(
    'name: "m" input [{ name: "x" data_type: TYPE_FP32 dims: [-1] }] output [{ name: "y" data_type: TYPE_FP32 dims: [-1] }]'
)
TIMING = ModelTiming("m", "3", 0, 0, 1)
CONTENTS = [name for name in DATATYPES if name != "FP16"]


def message(**fields: Any) -> Any:
    return service_pb2.ModelInferRequest(model_name="m", **fields)


def tensor(datatype: str = "FP32", shape: tuple[int, ...] = (2,), name: str = "x", **fields: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, **fields}


def read(request: Any) -> Tensors:
    return read_request(request, CONFIG, inf).inputs


def some_values(datatype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    numbers = np.arange(prod(shape)).reshape(shape)
    if datatype == "BYTES":
        strings = np.empty(numbers.size, object)
        strings[:] = [f"é{n}\0".encode() * n for n in numbers.flat]
        return strings.reshape(shape)
    return np.asarray(numbers % 2 == 1) if datatype == "BOOL" else numbers.astype(DATATYPES[datatype])


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 2), (0,), (2, 0, 3), ()])
def test_what_tritons_client_packs_comes_out_as_it_went_in(datatype: str, shape: tuple[int, ...]) -> None:
    values = some_values(datatype, shape)
    packed = InferInput("x", list(shape), datatype).set_data_from_numpy(values)
    request = message(inputs=[packed._get_tensor()], raw_input_contents=[packed._get_content()])
    read_back = read(request)["x"]
    assert read_back.dtype == DATATYPES[datatype]
    np.testing.assert_array_equal(read_back, values)


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 2), (0, 4), ()])
def test_tritons_client_unpacks_what_we_answer(datatype: str, shape: tuple[int, ...]) -> None:
    values = some_values(datatype, shape)
    answer = write_response(message(id="7"), InferResponse({"y": values}, TIMING), {})
    assert (answer.model_name, answer.model_version, answer.id) == ("m", "3", "7")
    np.testing.assert_array_equal(InferResult(answer).as_numpy("y"), values)


@pytest.mark.parametrize("datatype", CONTENTS)
def test_typed_contents_say_the_same_as_raw_bytes(datatype: str) -> None:
    values = some_values(datatype, (2, 2))
    field = {"B": "bytes" if datatype == "BYTES" else "bool", "I": "int", "U": "uint", "F": datatype.lower()}[
        datatype[0]
    ]
    field += "64" if datatype.endswith("INT64") else ""
    request = message(inputs=[tensor(datatype, (2, 2), contents={f"{field}_contents": list(values.flat)})])
    np.testing.assert_array_equal(read(request)["x"], values)


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_any_byte_strings_survive_the_wire(strings: list[bytes]) -> None:
    array = np.empty(len(strings), object)
    array[:] = strings
    raw = write_response(message(), InferResponse({"y": array}, TIMING), {}).raw_output_contents[0]
    assert raw == b"".join(struct.pack("<I", len(s)) + s for s in strings)
    request = message(inputs=[tensor("BYTES", (len(strings),))], raw_input_contents=[raw])
    assert read(request)["x"].tolist() == strings


def test_raw_tensors_are_views_and_not_copies() -> None:
    request = message(inputs=[tensor()], raw_input_contents=[bytes(8)])
    array = read(request)["x"]
    assert array.base is not None
    assert not array.flags.writeable


def test_text_that_a_model_answers_is_sent_as_utf8() -> None:
    answer = write_response(message(), InferResponse({"y": np.array(["é"], object)}, TIMING), {})
    assert InferResult(answer).as_numpy("y").tolist() == ["é".encode()]


def test_id_version_outputs_and_parameters_are_read() -> None:
    request = message(id="7", model_version="2", outputs=[{"name": "y"}, {"name": "z"}])
    for key, kind, value in [("a", "bool", True), ("b", "int64", -1), ("c", "uint64", 2**63), ("d", "string", "s")]:
        setattr(request.parameters[key], f"{kind}_param", value)
    request.parameters["e"].double_param = 0.5
    request.parameters["timeout"].int64_param = 1000
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    read_back = read_request(request, CONFIG, 5.0)
    assert (read_back.model, read_back.id, read_back.version, read_back.deadline) == ("m", "7", "2", 5.0)
    assert read_back.outputs == ("y", "z")
    assert read_back.parameters == {"a": True, "b": -1, "c": 2**63, "d": "s", "e": 0.5, "timeout": 1000}


def test_parameters_of_an_answer_are_written_by_type() -> None:
    parameters: dict[str, Parameter] = {"a": True, "b": 3, "c": 0.5, "d": "s"}
    answer = write_response(message(), InferResponse({}, TIMING, parameters), {})
    assert {key: p.WhichOneof("parameter_choice") for key, p in answer.parameters.items()} == {
        "a": "bool_param",
        "b": "int64_param",
        "c": "double_param",
        "d": "string_param",
    }


RAW4, RAW8 = [bytes(4)], [bytes(8)]
OF_X = "for inference input 'x' for model 'm'"


@pytest.mark.parametrize(
    ("inputs", "raws", "complaint"),
    [
        ([tensor()], RAW4, "input byte size mismatch for input 'x' for model 'm'. Expected 8, got 4"),
        ([tensor()], [bytes(12)], "input byte size mismatch for input 'x' for model 'm'. Expected 8, got 12"),
        ([tensor(contents={"fp32_contents": [1]})], [], "input byte size mismatch for input 'x' for model 'm'. Expected 8, got 4"),
        ([tensor(shape=(2**40, 2**40))], RAW4, f"Expected {2**82}, got 4"),
        ([tensor()], [], "unable to find data for input tensor 'x' for model 'm' in request."),
        ([tensor(), tensor()], RAW8 * 2, "input 'x' already exists in request"),
        ([tensor()], RAW8 * 2, "raw_input_contents has 2 entries for 1 inputs of model 'm'"),
        ([tensor(contents={"fp32_contents": [1, 2]})], RAW8, "contents field must not be specified when using raw_input_contents for 'x' for model 'm'"),
        ([tensor(contents={"int_contents": [1, 2]})], [], "unexpected explicit tensor data for input tensor 'x' for model 'm' in 'int_contents', expected datatype 'FP32'"),
        ([tensor("INT8", contents={"int_contents": [1, 300]})], [], "input 'x' has a value that INT8 cannot hold"),
        ([tensor("FP16", contents={})], [], "input 'x': FP16 has no field in contents; send raw_input_contents"),
        ([tensor("BF16", contents={})], [], "inference input 'x' data-type is 'BF16', but model 'm' expects 'FP32'"),
        ([tensor("BF16")], RAW4, "inference input 'x' data-type is 'BF16', but model 'm' expects 'FP32'"),
        ([tensor("FLOAT", name="z")], RAW4, "unexpected inference input 'z' for model 'm'"),
        ([tensor(shape=(2, -1))], RAW8, "All input dimensions should be specified for input 'x' for model 'm', got [2,-1]"),
        ([tensor("BYTES", (1,))], [b"\1\0"], f"incomplete string length indicator {OF_X}, expecting 4 bytes but only 2 bytes available."),
        ([tensor("BYTES", (1,))], [b"\5\0\0\0abc"], f"incomplete string {OF_X}, expecting 5 bytes but only 3 bytes available."),
        ([tensor("BYTES", (2,))], [b"\1\0\0\0a"], f"expected 2 string elements {OF_X}, got 1"),
        ([tensor("BYTES", (2**60,))], [b"\1\0\0\0a"], f"expected {2**60} string elements {OF_X}, got 1"),
        ([tensor("BYTES", (2,), contents={"bytes_contents": [b"a"]})], [], f"expected 2 string elements {OF_X}, got 1"),
    ],
)  # fmt: skip
def test_a_tensor_that_contradicts_itself_is_refused(inputs: list[Any], raws: list[bytes], complaint: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(message(inputs=inputs, raw_input_contents=raws))
    assert str(refusal.value).endswith(complaint)


@pytest.mark.parametrize("datatype", ["FP32", "BYTES"])
@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ((1,) * 65, "has 65 dimensions; a tensor has at most 64"),
        ((2**62,) * 1_000_000, "has 1000000 dimensions"),  # their product alone would take minutes
        ((0, 2**62), "whose lengths above 0 alone are more than a message can hold"),
        ((0, 2**31, 2), "whose lengths above 0 alone"),
    ],
    ids=["rank", "million", "zero", "product"],
)  # fmt: skip
@pytest.mark.parametrize("content", [{"raw_input_contents": [b""]}, {}], ids=["raw", "typed"])
def test_a_shape_that_no_array_can_have_is_refused(
    datatype: str, shape: tuple[int, ...], complaint: str, content: dict[str, Any]
) -> None:
    typed: dict[str, Any] = {} if content else {"contents": {}}
    with pytest.raises(InvalidInput, match=complaint):
        read(message(inputs=[tensor(datatype, shape, **typed)], **content))


def test_surplus_byte_strings_are_refused_without_making_them_all() -> None:
    with pytest.raises(InvalidInput, match="expected 2 string elements .* got at least 3"):
        read(message(inputs=[tensor("BYTES")], raw_input_contents=[bytes(4 * 10_000_000)]))


@pytest.mark.parametrize(
    ("key", "field", "value", "complaint"),
    [
        ("timeout", "string_param", "1s", "invalid value type for 'timeout' parameter, expected int64_param."),
        ("priority", "double_param", 1, "invalid value type for 'priority' parameter, expected int64_param or uint64_param."),
        ("priority", "int64_param", -1, "invalid value for 'priority', expected value >= 0."),
    ],
)  # fmt: skip
def test_a_parameter_of_a_wrong_type_is_refused(key: str, field: str, value: Any, complaint: str) -> None:
    request = message()
    setattr(request.parameters[key], field, value)
    with pytest.raises(InvalidInput) as refusal:
        read(request)
    assert str(refusal.value) == complaint


def test_a_parameter_without_a_value_is_refused() -> None:
    request = message()
    request.parameters["colour"].SetInParent()
    with pytest.raises(InvalidInput, match="invalid value type for 'colour' parameter, expected "):
        read(request)


def test_shared_memory_is_refused_by_the_tensors_name() -> None:
    region = InferInput("x", [2], "FP32").set_shared_memory("region", 8)
    with pytest.raises(Unsupported, match="input 'x' lies in shared memory"):
        read(message(inputs=[region._get_tensor()]))


def test_an_output_that_the_protocol_cannot_carry_is_the_models_failure() -> None:
    with pytest.raises(ModelFailed, match="output 'y' has dtype complex64"):
        write_response(message(), InferResponse({"y": np.zeros(1, np.complex64)}, TIMING), {})


def test_an_answer_that_no_message_can_hold_is_refused_before_it_is_made() -> None:
    huge = np.broadcast_to(np.float32(0), (2**29,))
    with pytest.raises(InvalidInput, match=r"Response has byte size 2147483648 which exceeds gRPC's byte size limit"):
        write_response(message(), InferResponse({"y": huge}, TIMING), {})
