"""A detector that anybody can predict: an ONNX graph that finds one blob of each colour and scores it by its strength.

Red is "without_mask", green "with_mask", blue "mask_weared_incorrect"; a pixel counts when its channel exceeds the sum
of the other two by more than 20, and the greatest excess / 255 is the score.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from tests.repositories import save_graph, write_config

LABELS = ("without_mask", "with_mask", "mask_weared_incorrect")
CHANNELS = {label: channel for channel, label in enumerate(LABELS)}
SIDE = 64


def write_blob_detector(
    root: Path, name: str, *, max_batch: int = 8, labels: tuple[str, ...] = LABELS, exclusive: str = "false"
) -> Path:
    """The model folder of an object detector; with `max_batch` 0 its tensors have no batch axis."""
    folder = write_config(
        root,
        name,
        f"""backend: "onnxruntime"
max_batch_size: {max_batch}
input [{{ name: "IMAGE" data_type: TYPE_UINT8 dims: [{SIDE}, {SIDE}, 3] }}]
output [
  {{ name: "BOXES" data_type: TYPE_FP32 dims: [3, 4] }},
  {{ name: "SCORES" data_type: TYPE_FP32 dims: [3, 3] label_filename: "labels.txt" }}
]
{"dynamic_batching { }" if max_batch else ""}
parameters [
  {{ key: "imago.task" value: {{ string_value: "object-detection" }} }},
  {{ key: "imago.preprocess" value: {{ string_value: '{{"size": [{SIDE}, {SIDE}], "resize": "letterbox"}}' }} }},
  {{ key: "imago.threshold" value: {{ string_value: "0.3" }} }},
  {{ key: "imago.exclusive_labels" value: {{ string_value: "{exclusive}" }} }}
]
""",
    )
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")
    save_graph(folder, _graph(batched=max_batch > 0))
    return folder


def _graph(*, batched: bool) -> Any:
    axis = np.arange(SIDE, dtype=np.float32)
    constants = {
        "mix": 2 * np.eye(3, dtype=np.float32) - 1,
        "least": np.float32(20),
        "top": np.float32(255),
        "side": np.float32(SIDE),
        "zero": np.float32(0),
        "one": np.float32(1),
        "columns": axis.reshape(1, 1, SIDE, 1),
        "right": axis.reshape(1, 1, SIDE, 1) + 1,
        "rows": axis.reshape(1, SIDE, 1, 1),
        "bottom": axis.reshape(1, SIDE, 1, 1) + 1,
        "eye": np.eye(3, dtype=np.float32),
        "first": np.array([0]),
        "last": np.array([-1]),
    }
    nodes = [helper.make_node("Cast", ["IMAGE"], ["float"], to=TensorProto.FLOAT)]
    nodes += [] if batched else [helper.make_node("Unsqueeze", ["float", "first"], ["pixels"])]
    nodes += [
        helper.make_node("MatMul", ["float" if batched else "pixels", "mix"], ["excess"]),
        helper.make_node("Greater", ["excess", "least"], ["mask"]),
        helper.make_node("ReduceMax", ["excess"], ["strongest"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["strongest", "top"], ["share"]),
        helper.make_node("Clip", ["share", "zero", "one"], ["score"]),
        helper.make_node("Unsqueeze", ["score", "last"], ["score_column"]),
        helper.make_node("Mul", ["score_column", "eye"], ["SCORES" if batched else "all_scores"]),
    ]
    edges = (("columns", "side", "Min"), ("rows", "side", "Min"), ("right", "zero", "Max"), ("bottom", "zero", "Max"))
    for index, other, reduce in edges:
        nodes += [
            helper.make_node("Where", ["mask", index, other], [f"{index}_of_blob"]),
            helper.make_node(f"Reduce{reduce}", [f"{index}_of_blob"], [f"{index}_edge"], axes=[1, 2], keepdims=0),
            helper.make_node("Unsqueeze", [f"{index}_edge", "last"], [f"{index}_column"]),
        ]
    boxes = "BOXES" if batched else "all_boxes"
    nodes.append(helper.make_node("Concat", [f"{index}_column" for index, _, _ in edges], [boxes], axis=-1))
    if not batched:
        nodes += [helper.make_node("Squeeze", [f"all_{n.lower()}", "first"], [n]) for n in ("BOXES", "SCORES")]
    rows: list[Any] = ["n"] if batched else []
    return helper.make_graph(
        nodes,
        "blobs",
        [helper.make_tensor_value_info("IMAGE", TensorProto.UINT8, [*rows, SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("BOXES", TensorProto.FLOAT, [*rows, 3, 4]),
            helper.make_tensor_value_info("SCORES", TensorProto.FLOAT, [*rows, 3, 3]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )


def scene(width: int, height: int, **blobs: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """A black picture, RGB, with a blob for each label: x_min, y_min, x_max, y_max, as strong as can be."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for label, (x_min, y_min, x_max, y_max) in blobs.items():
        pixels[y_min:y_max, x_min:x_max, CHANNELS[label]] = 255
    return pixels


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
