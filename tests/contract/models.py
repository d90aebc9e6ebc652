"""The repository that the contract tests serve: small models of every kind, built here.

`gate` stands for a slow model: each request holds the only instance until the test opens the named pipe whose path is
its input, so that a test knows when the instance is busy and decides when it is free.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tests.repositories import save_graph, write_config

SIMPLE = """
backend: "onnxruntime" max_batch_size: 8
input [{ name: "INPUT0" data_type: TYPE_INT32 dims: [16] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [16] }]
output [{ name: "OUTPUT0" data_type: TYPE_INT32 dims: [16] }, { name: "OUTPUT1" data_type: TYPE_INT32 dims: [16] }]
version_policy { all {} }
dynamic_batching {}
"""

SCORES = """
backend: "onnxruntime" max_batch_size: 4
input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [-1] }]
output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [-1] label_filename: "labels.txt" }]
"""

PYTHON = """
backend: "python" max_batch_size: 8
input [{ name: "INPUT0" data_type: TYPE_INT32 dims: [16] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [16] }]
output [{ name: "OUTPUT0" data_type: TYPE_INT32 dims: [16] }, { name: "OUTPUT1" data_type: TYPE_INT32 dims: [16] }]
"""

STRINGS = """
backend: "python" max_batch_size: 8
input [{ name: "INPUT0" data_type: TYPE_STRING dims: [-1] }]
output [{ name: "OUTPUT0" data_type: TYPE_STRING dims: [-1] }]
"""

REPEAT = """
backend: "python"
input [{ name: "IN" data_type: TYPE_INT32 dims: [-1] }]
output [{ name: "OUT" data_type: TYPE_INT32 dims: [1] }, { name: "IDX" data_type: TYPE_UINT32 dims: [1] }]
model_transaction_policy { decoupled: true }
"""

GATE = """
backend: "python" max_batch_size: 1
input [{ name: "PIPE" data_type: TYPE_STRING dims: [1] }]
output [{ name: "OUT" data_type: TYPE_INT32 dims: [1] }]
dynamic_batching { default_queue_policy { max_queue_size: 2 allow_timeout_override: true } }
"""

ADD_SUB_MODEL = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            a = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            b = pb_utils.get_input_tensor_by_name(request, "INPUT1").as_numpy()
            outputs = [pb_utils.Tensor("OUTPUT0", a + b), pb_utils.Tensor("OUTPUT1", a - b)]
            responses.append(pb_utils.InferenceResponse(output_tensors=outputs))
        return responses
"""

STRINGS_MODEL = """
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            words = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            reverse = np.array([word[::-1] for word in words.flat], dtype=np.object_).reshape(words.shape)
            responses.append(pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("OUTPUT0", reverse)]))
        return responses
"""

REPEAT_MODEL = """
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            values = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
            for index, value in enumerate(values):
                if value < 0:
                    error = pb_utils.TritonError(f"value {value} is below 0")
                    sender.send(pb_utils.InferenceResponse(error=error))
                    break
                outputs = [
                    pb_utils.Tensor("OUT", np.array([value], np.int32)),
                    pb_utils.Tensor("IDX", np.array([index], np.uint32)),
                ]
                sender.send(pb_utils.InferenceResponse(output_tensors=outputs))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None
"""

GATE_MODEL = """
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.computed = 0

    def execute(self, requests):
        responses = []
        for request in requests:
            path = pb_utils.get_input_tensor_by_name(request, "PIPE").as_numpy().flat[0]
            if path:
                with open(path, "rb") as pipe:
                    pipe.read()
            self.computed += 1
            out = pb_utils.Tensor("OUT", np.array([[self.computed]], np.int32))
            responses.append(pb_utils.InferenceResponse(output_tensors=[out]))
        return responses
"""


def build_repository(root: Path) -> None:
    for version in (1, 3):
        save_graph(write_config(root, "simple", SIMPLE), _add_sub(), version=version)
    scores = write_config(root, "scores", SCORES)
    save_graph(scores, _identity())
    (scores / "labels.txt").write_text("cat\ndog\nbird\n")
    for name, config, code in (
        ("add_sub", PYTHON, ADD_SUB_MODEL),
        ("strings", STRINGS, STRINGS_MODEL),
        ("repeat", REPEAT, REPEAT_MODEL),
        ("gate", GATE, GATE_MODEL),
    ):
        folder = write_config(root, name, config) / "1"
        folder.mkdir()
        (folder / "model.py").write_text(code)


def _add_sub() -> onnx.GraphProto:
    def tensor(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.INT32, ["n", 16])

    return helper.make_graph(
        [
            helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
            helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
        ],
        "add_sub",
        [tensor("INPUT0"), tensor("INPUT1")],
        [tensor("OUTPUT0"), tensor("OUTPUT1")],
    )


def _identity() -> onnx.GraphProto:
    def tensor(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "m"])

    return helper.make_graph(
        [helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])], "identity", [tensor("INPUT0")], [tensor("OUTPUT0")]
    )
