"""The ONNX backend computes what the file says, at the precision that the configuration allows."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from services.runtime.backends.onnx import OnnxBackend
from services.runtime.backends.onnx_signature import complete_and_check
from services.runtime.backends.placement import Placement
from services.runtime.config import ConfigError, finish_config, read_config
from services.runtime.errors import InvalidInput, ModelFailed
from services.runtime.model import InferRequest, Tensors
from tests.repositories import save_graph, write_config

ROOT = Path(__file__).resolve().parents[4]
SIZE = 256
WEIGHT = np.random.default_rng(1).normal(size=(SIZE, SIZE)).astype(np.float32)
OPENVINO = 'optimization { execution_accelerators { cpu_execution_accelerator [{ name: "openvino" }] } }'


def backend_of(folder: Path) -> OnnxBackend:
    message = read_config(folder)
    complete_and_check(message, folder / "1" / "model.onnx")
    config = finish_config(message, folder)
    return OnnxBackend(config, folder / "1" / "model.onnx", Placement("m_0", "CPU"), threads=2)


def product(root: Path, x: NDArray[np.float32], extra: str) -> NDArray[np.float32]:
    """X times a fixed matrix, by a model whose configuration has `extra`."""
    folder = write_config(root, "product", f'backend: "onnxruntime"\nmax_batch_size: 8\n{extra}\n')
    weight = numpy_helper.from_array(WEIGHT, "w")
    ends = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", SIZE]) for name in "xy")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [next(ends)], [next(ends)], [weight]
    )
    save_graph(folder, graph)
    (outputs,) = backend_of(folder).infer([InferRequest("product", {"x": x})])
    assert isinstance(outputs, dict)
    return outputs["y"]


def precisions(listed: str) -> str:
    return f'{OPENVINO} parameters {{ key: "imago.precisions" value {{ string_value: "{listed}" }} }}'


@pytest.mark.parametrize("extra", ["", OPENVINO, precisions("f32")])
def test_without_a_word_about_bf16_the_result_has_single_precision(tmp_path: Path, extra: str) -> None:
    x = np.random.default_rng(2).normal(size=(4, SIZE)).astype(np.float32)
    # Sums of 256 products of about 1 in single precision, in whatever order: well below 1e-3.
    np.testing.assert_allclose(product(tmp_path, x, extra), x @ WEIGHT, atol=1e-3)


def test_bf16_is_used_where_it_is_listed_and_the_cpu_has_it(tmp_path: Path) -> None:
    x = np.random.default_rng(2).normal(size=(4, SIZE)).astype(np.float32)
    error = np.abs(product(tmp_path, x, precisions("bf16,f32")) - x @ WEIGHT).max()
    has_bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    # bf16 keeps 8 bits: each factor is off by up to 0.4 %, and the sum of 256 products of about 1 by some 0.1.
    assert (1e-3 < error < 0.5) if has_bf16 else error < 1e-3


def text_model(root: Path) -> OnnxBackend:
    folder = write_config(root, "text", 'backend: "onnxruntime"\n')
    ends = (helper.make_tensor_value_info(name, TensorProto.STRING, ["n"]) for name in "xy")
    save_graph(folder, helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [next(ends)], [next(ends)]))
    return backend_of(folder)


def ask_text(*elements: bytes) -> list[InferRequest]:
    return [InferRequest("text", {"x": np.array(elements, dtype=object)})]


def test_strings_go_through_as_bytes(tmp_path: Path) -> None:
    (outputs,) = text_model(tmp_path).infer(ask_text("Grüße".encode(), b""))
    assert isinstance(outputs, dict)
    assert outputs["y"].tolist() == ["Grüße".encode(), b""]


def test_bytes_that_are_no_text_are_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="input 'x' has an element that is not UTF-8"):
        text_model(tmp_path).infer(ask_text(b"\xff"))


def test_a_graph_that_does_not_keep_rows_apart_fails_the_batch(tmp_path: Path) -> None:
    folder = write_config(tmp_path, "twice", 'backend: "onnxruntime"\nmax_batch_size: 8\n')
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", 2])
    save_graph(folder, helper.make_graph([helper.make_node("Concat", ["x", "x"], ["y"], axis=0)], "g", [x], [y]))
    rows: list[Tensors] = [{"x": np.ones((1, 2), np.float32)}] * 2
    with pytest.raises(ModelFailed, match=r"output 'y' has shape \[4, 2\] for a batch of 2"):
        backend_of(folder).infer([InferRequest("twice", row) for row in rows])


APART = f'{OPENVINO} parameters {{ key: "imago.rows_apart" value {{ string_value: "true" }} }}'


def grown(root: Path, extra: str, largest: int = 32) -> OnnxBackend:
    """An image of 32 x 32 of each vector of 64 values, by transposed convolutions, whose work threads share."""
    folder = write_config(root, "grown", f'backend: "onnxruntime"\nmax_batch_size: {largest}\n{extra}\n')
    rng, rows = np.random.default_rng(3), "n" if largest else 1
    nodes, weights, channels = [], [], (64, 96, 64, 48, 3)
    for place, (before, after) in enumerate(pairwise(channels)):
        weight = rng.normal(size=(before, after, 4, 4)).astype(np.float32) * before**-0.5
        weights.append(numpy_helper.from_array(weight, f"w{place}"))
        pads: dict[str, Any] = {"strides": [2, 2], "pads": [1] * 4} if place else {}
        nodes.append(helper.make_node("ConvTranspose", [f"x{place}", f"w{place}"], [f"x{place + 1}"], **pads))
    x = helper.make_tensor_value_info("x0", TensorProto.FLOAT, [rows, 64, 1, 1])
    y = helper.make_tensor_value_info(f"x{len(nodes)}", TensorProto.FLOAT, [rows, 3, 32, 32])
    save_graph(folder, helper.make_graph(nodes, "g", [x], [y], weights))
    return backend_of(folder)


def test_rows_apart_have_the_same_bits_in_any_company(tmp_path: Path) -> None:
    backend = grown(tmp_path, APART)
    x = np.random.default_rng(4).normal(size=(32, 64, 1, 1)).astype(np.float32)

    def made(size: int) -> NDArray[np.float32]:
        rows = [InferRequest("grown", {"x0": x[start : start + size]}) for start in range(0, len(x), size)]
        outcomes = [outcome for row in rows for outcome in backend.infer([row])]
        assert all(isinstance(outcome, dict) for outcome in outcomes)
        return np.concatenate([outcome["x4"] for outcome in outcomes if isinstance(outcome, dict)])

    alone = made(1)
    for size in (2, 3, 5, 7, 9, 13, 31, 32):
        np.testing.assert_array_equal(made(size), alone)


def test_rows_are_kept_apart_where_there_are_any(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'grown': imago.rows_apart is 'perhaps'; it must be true or false"):
        grown(tmp_path, APART.replace("true", "perhaps"))
    with pytest.raises(ConfigError, match="'grown': imago.rows_apart is true, but with max_batch_size 0 it has no"):
        grown(tmp_path, APART, largest=0)


FIRST_USE = """
import sys, threading
from pathlib import Path
import numpy as np
sys.setswitchinterval(1e-6)
from services.runtime.backends.onnx import OnnxBackend
from services.runtime.backends.onnx_signature import complete_and_check
from services.runtime.backends.placement import Placement
from services.runtime.config import finish_config, read_config
from services.runtime.model import InferRequest
folder = Path(sys.argv[1])
message = read_config(folder)
complete_and_check(message, folder / "1" / "model.onnx")
config, together = finish_config(message, folder), threading.Barrier(8)
def work():
    together.wait()
    backend = OnnxBackend(config, folder / "1" / "model.onnx", Placement("m", "CPU"), threads=1)
    together.wait()
    backend.infer([InferRequest("grown", {"x0": np.zeros((1, 64, 1, 1), np.float32)})])
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("all have answered")
"""


def test_models_may_be_used_for_the_first_time_at_the_same_moment(tmp_path: Path) -> None:
    """In a process of its own, since only a process's first use was in danger of threads that wait for each other."""
    grown(tmp_path, APART)
    command = [sys.executable, "-c", FIRST_USE, str(tmp_path / "grown")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (0, "all have answered\n"), done.stderr
