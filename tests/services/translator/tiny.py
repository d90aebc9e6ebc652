"""Translators, stylisers and dreamers of a few lines, whose answers anybody can compute."""

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.repositories import save_graph, write_config

MULTIPLE, LEAST, TILE, OVERLAP = 8, 16, 64, 16
FRAME = {"multiple": MULTIPLE, "least": LEAST, "tile": TILE, "overlap": OVERLAP}
MAPS = {"family": "maps", "direction": "aerial_to_map", "opposite": "map_to_aerial", **FRAME, "large": "tile"}
STYLE = {"encoder": "style_encoder", "space": "rgb-statistics", **FRAME, "longest_side": 96}
OPTIMISATION = {
    "layers": ["relu1_1", "relu2_1"],
    "content_layers": ["relu2_1"],
    "style_layers": ["relu1_1", "relu2_1"],
    "steps": 4,
    "learning_rate": 0.5,
    "content_weight": 1.0,
    "style_weight": 2.0,
    "variation_weight": 0.0,
    "multiple": MULTIPLE,
    "least": LEAST,
    "longest_side": 96,
}
DREAM = {
    "layers": {"relu1_1": 4, "relu2_1": 8},
    "targets": [{"layer": "relu2_1", "channel": None, "weight": 1.0}],
    "octaves": 3,
    "octave_scale": 1.5,
    "steps": 2,
    "step_size": 0.02,
    "tile": TILE,
    "multiple": MULTIPLE,
    "least": LEAST,
    "longest_side": 96,
}
IMAGE, ANY = 'name: "IMAGE" data_type: TYPE_UINT8 dims: [-1, -1, 3]', TensorProto.UINT8


def configuration(task: str, backend: str, tensors: str, parameters: dict[str, Any], more: str = "") -> str:
    """The text of a config.pbtxt; objects among the parameters become JSON."""
    texts = {
        "task": task,
        **{key: value if isinstance(value, str) else json.dumps(value) for key, value in parameters.items()},
    }
    entries = "".join(
        f'parameters {{ key: "imago.{key}" value: {{ string_value: {json.dumps(text)} }} }}\n'
        for key, text in texts.items()
    )
    return f'backend: "{backend}"\n{tensors}\n{entries}\n{more}\n'


def write_translator(
    root: Path, name: str, translation: dict[str, Any] = MAPS, *, max_batch: int = 8, noise: bool = False
) -> Path:
    """Inverts an image, so that there and back again is the image itself; noise is added to the answer."""
    folder = write_config(
        root,
        name,
        configuration(
            "image-translation",
            "onnxruntime",
            f"""input {{ {IMAGE} }} {"input { name: 'NOISE' data_type: TYPE_FP32 dims: [1] }" if noise else ""}
            output {{ name: "TRANSLATED" data_type: TYPE_UINT8 dims: [-1, -1, 3] }}
            max_batch_size: {max_batch}""",
            {"translation": translation},
            "dynamic_batching { }" if max_batch else "",
        ),
    )
    nodes = [
        helper.make_node("Cast", ["IMAGE"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["white", "levels"], ["inverse"]),
    ]
    if noise:
        nodes += [
            helper.make_node("Reshape", ["NOISE", "pixel"], ["each"]),
            helper.make_node("Add", ["inverse", "each"], ["noisy"]),
        ]
    nodes.append(helper.make_node("Cast", ["noisy" if noise else "inverse"], ["TRANSLATED"], to=TensorProto.UINT8))
    constants = {"white": np.float32(255), "pixel": np.array([-1, 1, 1, 1] if max_batch else [1, 1, 1], np.int64)}
    rows = ["n"] if max_batch else []
    inputs = {"IMAGE": (ANY, [*rows, "h", "w", 3])} | ({"NOISE": (TensorProto.FLOAT, [*rows, 1])} if noise else {})
    _save(folder, nodes, inputs, {"TRANSLATED": (ANY, [*rows, "h", "w", 3])}, constants)
    return folder


def write_encoder(root: Path, name: str = "style_encoder") -> Path:
    """Tells the mean and the deviation of each channel, 0..255."""
    folder = write_config(
        root,
        name,
        configuration(
            "style-encoding",
            "onnxruntime",
            f"""input {{ {IMAGE} }} output {{ name: "STATISTICS" data_type: TYPE_FP32 dims: [6] }}
            max_batch_size: 8""",
            {},
            "dynamic_batching { }",
        ),
    )
    nodes = [
        helper.make_node("Cast", ["IMAGE"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["levels", "levels"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["power"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["mean", "mean"], ["offset"]),
        helper.make_node("Sub", ["power", "offset"], ["difference"]),
        helper.make_node("Max", ["difference", "zero"], ["variance"]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Concat", ["mean", "deviation"], ["STATISTICS"], axis=1),
    ]
    outputs = {"STATISTICS": (TensorProto.FLOAT, ["n", 6])}
    _save(folder, nodes, {"IMAGE": (ANY, ["n", "h", "w", 3])}, outputs, {"zero": np.float32(0)})
    return folder


def write_stylizer(
    root: Path, name: str = "stylizer", style: dict[str, Any] = STYLE, styles: dict[str, Sequence[float]] | None = None
) -> Path:
    """Gives each channel the mean of the style, by strength, and loses the lowest two bits of every level."""
    folder = write_config(
        root,
        name,
        configuration(
            "image-stylization",
            "onnxruntime",
            f"""input {{ {IMAGE} }}
            input {{ name: "CONTENT" data_type: TYPE_FP32 dims: [6] }}
            input {{ name: "STYLE" data_type: TYPE_FP32 dims: [6] }}
            input {{ name: "STRENGTH" data_type: TYPE_FP32 dims: [1] }}
            output {{ name: "STYLIZED" data_type: TYPE_UINT8 dims: [-1, -1, 3] }}
            max_batch_size: 8""",
            {"style": style} | ({"styles": styles} if styles else {}),
            "dynamic_batching { }",
        ),
    )
    constants = {
        "start": np.array([0], np.int64),
        "end": np.array([3], np.int64),
        "axis": np.array([1], np.int64),
        "pixel": np.array([-1, 1, 1, 3], np.int64),
        "four": np.float32(4),
        "top": np.float32(255),
        "zero": np.float32(0),
    }
    nodes = [
        helper.make_node("Sub", ["STYLE", "CONTENT"], ["differences"]),
        helper.make_node("Mul", ["differences", "STRENGTH"], ["wanted"]),
        helper.make_node("Slice", ["wanted", "start", "end", "axis"], ["means"]),
        helper.make_node("Reshape", ["means", "pixel"], ["shift"]),
        helper.make_node("Cast", ["IMAGE"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "four"], ["quarters"]),
        helper.make_node("Floor", ["quarters"], ["coarse"]),
        helper.make_node("Mul", ["coarse", "four"], ["lossy"]),
        helper.make_node("Add", ["lossy", "shift"], ["moved"]),
        helper.make_node("Clip", ["moved", "zero", "top"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["STYLIZED"], to=TensorProto.UINT8),
    ]
    inputs = {
        "IMAGE": (ANY, ["n", "h", "w", 3]),
        "CONTENT": (TensorProto.FLOAT, ["n", 6]),
        "STYLE": (TensorProto.FLOAT, ["n", 6]),
        "STRENGTH": (TensorProto.FLOAT, ["n", 1]),
    }
    _save(folder, nodes, inputs, {"STYLIZED": (ANY, ["n", "h", "w", 3])}, constants)
    return folder


def _save(folder: Path, nodes: list[Any], inputs: Any, outputs: Any, constants: dict[str, Any]) -> None:
    info = helper.make_tensor_value_info
    used = {name for node in nodes for name in node.input}
    initialisers = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in used
    ]
    ins = [info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    outs = [info(name, kind, shape) for name, (kind, shape) in outputs.items()]
    save_graph(folder, helper.make_graph(nodes, "tiny", ins, outs, initialisers))


_PREAMBLE = """
import json
import time
import numpy as np
import triton_python_backend_utils as pb_utils

NONE = np.zeros((0, 0, 3), np.uint8)

def read(request, name):
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()

def send(sender, last=False, **tensors):
    response = pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in tensors.items()])
    sender.send(response, pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL if last else 0)
"""

_OPTIMISE = """
class TritonPythonModel:
    '''Moves the image towards the mean of the styles; the style loss is the distance that is left.'''

    def execute(self, requests):
        for request in requests:
            self.one(request)

    def one(self, request):
        sender, settings = request.get_response_sender(), json.loads(read(request, "SETTINGS")[0])
        sizes = np.prod(read(request, "STYLE_SHAPES"), axis=1) * 3
        parts = np.split(read(request, "STYLE_PIXELS"), np.cumsum(sizes)[:-1])
        assert sum(sizes) == sum(len(part) for part in parts)
        goal = sum(w * part.mean() for w, part in zip(read(request, "STYLE_WEIGHTS"), parts))
        image, every = read(request, "IMAGE").astype(np.float32), settings["preview_every_steps"]
        for step in range(1, settings["steps"] + 1):
            if sender.is_cancelled():
                break
            image += settings["learning_rate"] * settings["strength"] * (goal - image)
            last = step == settings["steps"]
            losses = [settings["content_weight"], settings["style_weight"] * abs(goal - image).mean(), 0]
            seen = image.round().astype(np.uint8) if last or (every and step % every == 0) else NONE
            send(sender, last, STEP=np.array([step], np.int64), LOSSES=np.array(losses, np.float32), IMAGE=seen)
        else:
            return
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""

_DREAM = """
class TritonPythonModel:
    '''Brightens the image by one level a step; the objective is how many steps this instance has ever made.'''

    pace_s = 0

    def initialize(self, arguments):
        self.made = 0

    def execute(self, requests):
        for request in requests:
            self.one(request)

    def one(self, request):
        sender, settings = request.get_response_sender(), json.loads(read(request, "SETTINGS")[0])
        image, octaves, steps = read(request, "IMAGE"), settings["octaves"], settings["steps"]
        assert read(request, "GUIDE").shape[2] == 3
        every, before = settings["preview_every_steps"] or steps, self.made
        for octave in range(octaves):
            shrink = settings["octave_scale"] ** (octaves - 1 - octave)
            size = [max(1, round(side / shrink)) for side in image.shape[:2]]
            for step in range(1, steps + 1):
                if sender.is_cancelled():
                    sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
                    return
                time.sleep(self.pace_s)
                self.made += 1
                level = np.uint8((octave * steps + step) % 256)
                last = (octave, step) == (octaves - 1, steps)
                seen = image[: size[0], : size[1]] + level if step % every == 0 or last else NONE
                ends = {"BEFORE_AFTER": np.array([before, self.made], np.float32)} if last else {}
                progress = np.array([octave, octaves, step, steps], np.int64)
                send(sender, last, PROGRESS=progress, OBJECTIVE=np.array([self.made], np.float32), IMAGE=seen, **ends)
"""


def write_optimizer(root: Path, name: str = "gatys", optimisation: dict[str, Any] = OPTIMISATION) -> Path:
    """Steps of a style optimisation that anybody can follow."""
    tensors = f"""input {{ {IMAGE} }}
    input {{ name: "STYLE_PIXELS" data_type: TYPE_UINT8 dims: [-1] }}
    input {{ name: "STYLE_SHAPES" data_type: TYPE_INT64 dims: [-1, 2] }}
    input {{ name: "STYLE_WEIGHTS" data_type: TYPE_FP32 dims: [-1] }}
    input {{ name: "SETTINGS" data_type: TYPE_STRING dims: [1] }}
    output {{ name: "STEP" data_type: TYPE_INT64 dims: [1] }}
    output {{ name: "LOSSES" data_type: TYPE_FP32 dims: [3] }}
    output {{ {IMAGE} }}"""
    return _write_python(root, name, "style-optimization", tensors, {"optimisation": optimisation}, _OPTIMISE)


def write_dreamer(root: Path, name: str = "dream", dream: dict[str, Any] = DREAM, *, pace_s: float = 0) -> Path:
    """Steps of a dream that anybody can follow; each takes `pace_s` seconds."""
    tensors = f"""input {{ {IMAGE} }}
    input {{ name: "GUIDE" data_type: TYPE_UINT8 dims: [-1, -1, 3] }}
    input {{ name: "SETTINGS" data_type: TYPE_STRING dims: [1] }}
    output {{ name: "PROGRESS" data_type: TYPE_INT64 dims: [4] }}
    output {{ name: "OBJECTIVE" data_type: TYPE_FP32 dims: [1] }}
    output {{ {IMAGE} }}
    output {{ name: "BEFORE_AFTER" data_type: TYPE_FP32 dims: [2] }}"""
    return _write_python(
        root, name, "image-dreaming", tensors, {"dream": dream}, _DREAM.replace("pace_s = 0", f"pace_s = {pace_s}")
    )


def _write_python(root: Path, name: str, task: str, tensors: str, parameters: dict[str, Any], source: str) -> Path:
    decoupled = "model_transaction_policy { decoupled: true }"
    folder = write_config(root, name, configuration(task, "python", tensors, parameters, decoupled))
    (folder / "1").mkdir(exist_ok=True)
    (folder / "1" / "model.py").write_text(dedent(_PREAMBLE + source))
    return folder
