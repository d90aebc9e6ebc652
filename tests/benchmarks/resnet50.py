"""Builds an ONNX graph of ResNet-50's exact size and cost with random weights, for measuring; it recognises nothing.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, table 1, column "50-layer"; batch norms folded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCKS = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Width and number of bottleneck blocks of each stage."""


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)
        self._names = (f"t{number}" for number in range(10_000))

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = next(self._names)
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def weight(self, *shape: int) -> str:
        name = next(self._names)
        fan_in = int(np.prod(shape[1:])) or 1
        values = self._random.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolve(self, x: str, channels: tuple[int, int], size: int, stride: int = 1) -> str:
        before, after = channels
        inputs = [x, self.weight(after, before, size, size), self.weight(after)]
        return self.add("Conv", inputs, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[size // 2] * 4)

    def bottleneck(self, x: str, channels: int, width: int, stride: int) -> str:
        y = self.add("Relu", [self.convolve(x, (channels, width), 1)])
        y = self.add("Relu", [self.convolve(y, (width, width), 3, stride)])
        y = self.convolve(y, (width, 4 * width), 1)
        same = stride == 1 and channels == 4 * width
        shortcut = x if same else self.convolve(x, (channels, 4 * width), 1, stride)
        return self.add("Relu", [self.add("Add", [y, shortcut])])


def _strides() -> Iterator[tuple[int, int]]:
    for stage, (width, count) in enumerate(BLOCKS):
        for block in range(count):
            yield width, 2 if stage and not block else 1


def write_resnet50(folder: Path, *, side: int = 224, accelerator: str = "") -> Path:
    """A model folder: x FP32 [n, 3, side, side] -> y FP32 [n, 1000], batches of up to 8. Returns the ONNX file."""
    graph = _Graph()
    y = graph.add("Relu", [graph.convolve("x", (3, 64), 7, 2)])
    y = graph.add("MaxPool", [y], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width, stride in _strides():
        y = graph.bottleneck(y, channels, width, stride)
        channels = 4 * width
    y = graph.add("Flatten", [graph.add("GlobalAveragePool", [y])])
    graph.nodes.append(helper.make_node("Gemm", [y, graph.weight(2048, 1000), graph.weight(1000)], ["y"]))
    proto = helper.make_graph(
        graph.nodes,
        "resnet50",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1000])],
        graph.weights,
    )
    path = folder / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    accelerators = (
        f'optimization {{ execution_accelerators {{ cpu_execution_accelerator [{{ name: "{accelerator}" }}] }} }}'
    )
    (folder / "config.pbtxt").write_text(
        f"""backend: "onnxruntime"
max_batch_size: 8
input [{{ name: "x" data_type: TYPE_FP32 dims: [3, {side}, {side}] }}]
output [{{ name: "y" data_type: TYPE_FP32 dims: [1000] }}]
dynamic_batching {{}}
{accelerators if accelerator else ""}
"""
    )
    return path
