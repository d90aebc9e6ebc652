"""A generator of one layer: an ONNX graph whose images anybody can compute from their latent vectors."""

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.repositories import save_graph, write_config

SIZE, SIDE = 6, 8
FRUITS = ("apple", "banana", "cherry")
LATENT = {"name": "z", "dimensions": [SIZE], "distribution": "normal", "location": 0, "scale": 1}


def write_generator(
    root: Path,
    name: str,
    *,
    labels: Sequence[str] = (),
    critic: bool = False,
    channels: int = 3,
    max_batch: int = 32,
    latent: dict[str, Any] = LATENT,
    versions: Sequence[int] = (1,),
    side: int = SIDE,
) -> Path:
    """The model folder of a generator of side x side pixels; with `max_batch` 0 its tensors have no batch axis."""
    label_file = 'label_filename: "labels.txt"' if labels else ""
    folder = write_config(
        root,
        name,
        f"""backend: "onnxruntime"
max_batch_size: {max_batch}
input [ {{ name: "LATENT" data_type: TYPE_FP32 dims: [{SIZE}] }} ]
output [ {{ name: "IMAGE" data_type: TYPE_UINT8 dims: [{side}, {side}, {channels}] {label_file} }} ]
{'input [ { name: "LABEL" data_type: TYPE_INT64 dims: [1] } ]' if labels else ""}
{'output [ { name: "REALNESS" data_type: TYPE_FP32 dims: [1] } ]' if critic else ""}
{"dynamic_batching { }" if max_batch else ""}
version_policy {{ all {{ }} }}
parameters [
  {{ key: "imago.task" value: {{ string_value: "image-generation" }} }},
  {{ key: "imago.latent" value: {{ string_value: {json.dumps(json.dumps(latent))} }} }},
  {{ key: "imago.description" value: {{ string_value: "Noise of model {name}." }} }},
  {{ key: "imago.licence" value: {{ string_value: "CC0-1.0" }} }}
]
""",
    )
    if labels:
        (folder / "labels.txt").write_text("\n".join(labels) + "\n")
    for version in versions:
        graph = _graph(len(labels), (side, side, channels), critic=critic, batched=max_batch > 0)
        save_graph(folder, graph, version=version)
    return folder


def _weights(image: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 1, (SIZE, prod(image))).astype(np.float32)


def _colours(classes: int, image: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 1, (classes, prod(image))).astype(np.float32)


def expected_image(latent: Sequence[float], *, label: int = 0, labels: int = 0, channels: int = 3) -> Any:
    """The pixels of a vector, int (SIDE, SIDE, channels), but for rounding."""
    image = (SIDE, SIDE, channels)
    heights = np.array(latent, np.float32) @ _weights(image)
    if labels:
        heights += _colours(labels, image)[label]
    return np.rint(255 / (1 + np.exp(-heights))).astype(int).reshape(image)


def _graph(classes: int, image: tuple[int, ...], *, critic: bool, batched: bool) -> Any:
    every = [-1] if batched else []
    constants = {
        "weights": _weights(image),
        "colours": _colours(max(1, classes), image),
        "top": np.float32(255),
        "shape": np.array([*every, *image], np.int64),
        "row": np.array([*every, prod(image)], np.int64),
    }
    nodes = [helper.make_node("MatMul", ["LATENT", "weights"], ["plain"])]
    if classes:
        nodes += [
            helper.make_node("Gather", ["colours", "LABEL"], ["chosen"]),
            helper.make_node("Reshape", ["chosen", "row"], ["colour"]),
            helper.make_node("Add", ["plain", "colour"], ["heights"]),
        ]
    nodes += [
        helper.make_node("Sigmoid", ["heights" if classes else "plain"], ["shares"]),
        helper.make_node("Mul", ["shares", "top"], ["levels"]),
        helper.make_node("Round", ["levels"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["flat"], to=TensorProto.UINT8),
        helper.make_node("Reshape", ["flat", "shape"], ["IMAGE"]),
    ]
    if critic:
        nodes.append(helper.make_node("ReduceMean", ["shares"], ["REALNESS"], axes=[-1], keepdims=1))
    rows: list[Any] = ["n"] if batched else []
    info = helper.make_tensor_value_info
    inputs = [info("LATENT", TensorProto.FLOAT, [*rows, SIZE])]
    inputs += [info("LABEL", TensorProto.INT64, [*rows, 1])] if classes else []
    outputs = [info("IMAGE", TensorProto.UINT8, [*rows, *image])]
    outputs += [info("REALNESS", TensorProto.FLOAT, [*rows, 1])] if critic else []
    initialisers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    return helper.make_graph(nodes, "tiny", inputs, outputs, initialisers)
