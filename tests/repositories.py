"""Small real model folders that tests build: ONNX graphs of one or two nodes, with their `config.pbtxt`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper


def write_config(root: Path, name: str, text: str) -> Path:
    """A model folder with only a configuration; returns the folder."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.pbtxt").write_text(text)
    return folder


def save_graph(folder: Path, graph: onnx.GraphProto, *, version: int = 1) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (folder / str(version)).mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / str(version) / "model.onnx"))


def scale_graph(factor: float, shape: Sequence[int | str | None]) -> onnx.GraphProto:
    """Y = factor * x, for float tensors."""
    constant = helper.make_tensor("factor", TensorProto.FLOAT, [], [factor])
    return helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "scale",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [constant],
    )


def write_scale(root: Path, name: str = "scale", *, extra: str = "", versions: Sequence[int] = (1,)) -> Path:
    """Batchable x FP32 [n, 3] -> y = version * 2 * x; `extra` is added to the configuration."""
    folder = write_config(
        root,
        name,
        f"""backend: "onnxruntime"
max_batch_size: 8
input [{{ name: "x" data_type: TYPE_FP32 dims: [3] }}]
output [{{ name: "y" data_type: TYPE_FP32 dims: [3] }}]
{extra}
""",
    )
    for version in versions:
        save_graph(folder, scale_graph(2.0 * version, ["n", 3]), version=version)
    return folder


def floats(*rows: Sequence[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(rows, dtype=np.float32)
