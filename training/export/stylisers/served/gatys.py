"""Style transfer by optimisation (Gatys et al. 2016): Adam on pixels, around a graph that gives losses and gradient.

Runs wherever Triton's Python backend runs; the card describes its tensors. Nothing here knows the network: layers and
defaults are in the configuration, losses and their gradient in `step.onnx`.
"""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

MOST_PIXELS = 2**20
"""Of the content, and of each style: a network's maps take about a kilobyte for each pixel."""

MOST_STYLES = 8
MOST_STEPS = 5000

MOMENTUM, SQUARES, TINY = 0.9, 0.99, 1e-8
"""Adam's; the squares are forgotten sooner than usual, since the landscape changes with every step."""

LAST_RATE = 0.1
"""The learning rate falls to this share of itself, as a half cosine: what is left at the end is not jitter."""

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[dict[str, Floats], list[str]], list[Floats]]


class InvalidOptionError(Exception):
    """The caller's mistake: the sentence names tensor and value."""


class Graph:
    """The graph of one step: in OpenVINO on a CPU, where that is installed, else in onnxruntime."""

    def __init__(self, file: Path, arguments: dict[str, str], parameters: dict[str, str]) -> None:
        self._threads = int(parameters.get("intra_op_thread_count", "0"))
        if arguments["model_instance_kind"] == "GPU" and has_cuda():
            device = {"device_id": int(arguments["model_instance_device_id"])}
            self._run = self._session(file, ("CUDAExecutionProvider", device))
        elif find_spec("openvino") is None:
            self._run = self._session(file, ("CPUExecutionProvider", {}))
        else:
            self._run = self._compiled(file, "bf16" in parameters.get("imago.precisions", "").split(","))

    def __call__(self, inputs: dict[str, Floats], outputs: list[str]) -> list[Floats]:
        """Some outputs of the graph; they stay valid until the next call."""
        return self._run(inputs, outputs)

    def _compiled(self, file: Path, half: bool) -> Run:
        import openvino as ov  # noqa: PLC0415

        core = ov.Core()
        half = half and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        hints = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self._threads,
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        }
        request = core.compile_model(str(file), "CPU", hints).create_infer_request()

        def run(inputs: dict[str, Floats], outputs: list[str]) -> list[Floats]:
            request.infer(inputs, share_inputs=True)
            return [request.get_tensor(name).data for name in outputs]

        return run

    def _session(self, file: Path, provider: tuple[str, dict[str, int]]) -> Run:
        import onnxruntime as ort  # noqa: PLC0415

        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        session = ort.InferenceSession(str(file), options, providers=[provider])
        return lambda inputs, outputs: list(session.run(outputs, inputs))


def has_cuda() -> bool:
    """Whether this onnxruntime computes on a GPU; a machine may have one, and a build for CPUs."""
    import onnxruntime as ort  # noqa: PLC0415

    return "CUDAExecutionProvider" in ort.get_available_providers()


class TritonPythonModel:
    """IMAGE, STYLE_PIXELS, STYLE_SHAPES, STYLE_WEIGHTS and SETTINGS in; STEP, LOSSES and IMAGE out, after each step."""

    def initialize(self, args: dict[str, str]) -> None:
        stated = json.loads(args["model_config"])["parameters"]
        parameters = {name: value["string_value"] for name, value in stated.items()}
        self._defaults = json.loads(parameters["imago.optimisation"])
        self._channels: dict[str, int] = json.loads(parameters["channels"])
        self._graph = Graph(Path(args["model_repository"]) / args["model_version"] / "step.onnx", args, parameters)
        side = self._defaults["least"]
        self._targets(np.zeros((side, side, 3), np.uint8), ["LOSSES"])  # engines prepare themselves in the first run

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            sender = request.get_response_sender()
            try:
                self._answer(request, sender)
            except InvalidOptionError as error:
                refused = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
                sender.send(pb_utils.InferenceResponse([], refused))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _answer(self, request: Any, sender: Any) -> None:
        """Every step's response, the last one with the image; nothing more once the caller has gone."""
        image = self._content(request)
        settings = read_settings(request, self._defaults)
        inputs = self._inputs(image, request, settings)
        pixels = start(image, settings)
        adam, steps, every = Adam(pixels.shape), settings["steps"], settings["preview_every_steps"]
        for step in range(1, steps + 1):
            if request.is_cancelled():
                return
            losses, gradient = self._graph({"IMAGE": pixels, **inputs}, ["LOSSES", "GRADIENT"])
            pixels = adam.step(pixels, gradient, settings["learning_rate"] * falling((step - 1) / steps))
            shown = step == steps or (every and step % every == 0)
            tensors = [
                pb_utils.Tensor("STEP", np.array([step], np.int64)),
                pb_utils.Tensor("LOSSES", np.array(losses, np.float32)),
                pb_utils.Tensor("IMAGE", as_bytes(pixels) if shown else np.zeros((0, 0, 3), np.uint8)),
            ]
            sender.send(pb_utils.InferenceResponse(tensors))

    def _content(self, request: Any) -> Pixels:
        image: Pixels = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
        height, width = image.shape[:2]
        least, multiple = self._defaults["least"], self._defaults["multiple"]
        if min(height, width) < least or height % multiple or width % multiple:
            raise InvalidOptionError(
                f"IMAGE is {width}x{height}; sides must be multiples of {multiple} and at least {least}"
            )
        check_pixels("IMAGE", height, width)
        return image

    def _inputs(self, image: Pixels, request: Any, settings: dict[str, Any]) -> dict[str, Floats]:
        """Targets and weights. A lower strength goes from the style of the content to that of the styles."""
        strength = settings["strength"]
        kept, wanted = settings["content_layers"], settings["style_layers"]
        outputs = self._targets(image, [f"ACTIVATIONS_{name}" for name in kept] + [f"GRAM_{name}" for name in wanted])
        contents, own = outputs[: len(kept)], outputs[len(kept) :]
        grams = [(1 - strength) * gram for gram in own]
        for share, style in self._styles(request):
            found = self._targets(style, [f"GRAM_{name}" for name in wanted])
            grams = [gram + strength * share * more for gram, more in zip(grams, found, strict=True)]
        inputs = self._nothing(*image.shape[:2])
        inputs |= {f"CONTENT_{name}": maps for name, maps in zip(kept, contents, strict=True)}
        inputs |= {f"STYLE_{name}": np.asarray(gram, np.float32) for name, gram in zip(wanted, grams, strict=True)}
        inputs["CONTENT_WEIGHTS"] = self._weights(kept, settings["content_weight"])
        inputs["STYLE_WEIGHTS"] = self._weights(wanted, settings["style_weight"])
        inputs["VARIATION_WEIGHT"] = np.array([strength * settings["variation_weight"]], np.float32)
        return inputs

    def _targets(self, image: Pixels, outputs: list[str]) -> list[Floats]:
        """What the network sees in an image, by the names of the graph's outputs."""
        inputs = {"IMAGE": as_planes(image), **self._nothing(*image.shape[:2])}
        return [np.array(values) for values in self._graph(inputs, outputs)]

    def _nothing(self, height: int, width: int) -> dict[str, Floats]:
        """Targets of zeros for an image of that size, all of weight 0; a layer of stage s has its sides over 2**s."""
        inputs = {name: np.zeros(len(self._channels), np.float32) for name in ("CONTENT_WEIGHTS", "STYLE_WEIGHTS")}
        inputs["VARIATION_WEIGHT"] = np.zeros(1, np.float32)
        for name, channels in self._channels.items():
            stage = int(name.removeprefix("relu").partition("_")[0]) - 1
            inputs[f"CONTENT_{name}"] = np.zeros((1, channels, height >> stage, width >> stage), np.float32)
            inputs[f"STYLE_{name}"] = np.zeros((1, channels, channels), np.float32)
        return inputs

    def _weights(self, chosen: list[str], weight: float) -> Floats:
        """Each of the chosen layers counts the same; all together have the weight."""
        return np.array([weight * (name in chosen) / max(1, len(chosen)) for name in self._channels], np.float32)

    def _styles(self, request: Any) -> list[tuple[float, Pixels]]:
        """The styles with their shares of 1, each cut at its middle to sides that the network takes."""
        pixels, shapes, weights = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in ("STYLE_PIXELS", "STYLE_SHAPES", "STYLE_WEIGHTS")
        )
        if not 1 <= len(shapes) <= MOST_STYLES or len(weights) != len(shapes):
            raise InvalidOptionError(
                f"STYLE_SHAPES has {len(shapes)} styles and STYLE_WEIGHTS {len(weights)}; they must be as many, 1 to "
                f"{MOST_STYLES}"
            )
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
            raise InvalidOptionError(f"STYLE_WEIGHTS is {weights.tolist()}; weights are 0 or more, and one is above 0")
        if min(shapes.flat) < self._defaults["multiple"]:
            raise InvalidOptionError(
                f"STYLE_SHAPES is {shapes.tolist()}; sides must be at least {self._defaults['multiple']}"
            )
        ends = np.cumsum([3 * int(height) * int(width) for height, width in shapes])
        if ends[-1] != len(pixels):
            raise InvalidOptionError(f"STYLE_PIXELS has {len(pixels)} bytes where STYLE_SHAPES says {ends[-1]}")
        images = (part.reshape(*shape, 3) for part, shape in zip(np.split(pixels, ends[:-1]), shapes, strict=True))
        shares = (weights / weights.sum()).tolist()
        return [(share, self._cut(image)) for share, image in zip(shares, images, strict=True)]

    def _cut(self, image: Pixels) -> Pixels:
        check_pixels("STYLE_SHAPES", *image.shape[:2])
        tops = [(side % self._defaults["multiple"]) // 2 for side in image.shape[:2]]
        sides = [side - side % self._defaults["multiple"] for side in image.shape[:2]]
        return image[tops[0] : tops[0] + sides[0], tops[1] : tops[1] + sides[1]]


class Adam:
    """Kingma and Ba 2015, on pixels that stay in 0..1."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean, self._square, self._steps = np.zeros(shape, np.float32), np.zeros(shape, np.float32), 0

    def step(self, pixels: Floats, gradient: Floats, rate: float) -> Floats:
        self._steps += 1
        self._mean += (1 - MOMENTUM) * (gradient - self._mean)
        self._square += (1 - SQUARES) * (gradient * gradient - self._square)
        mean = self._mean / (1 - MOMENTUM**self._steps)
        deviation = np.sqrt(self._square / (1 - SQUARES**self._steps)) + TINY
        return np.asarray(np.clip(pixels - rate * mean / deviation, 0, 1), np.float32)


def falling(done: float) -> float:
    """The learning rate's share after a share of the steps."""
    return LAST_RATE + (1 - LAST_RATE) * (1 + float(np.cos(np.pi * done))) / 2


def start(image: Pixels, settings: dict[str, Any]) -> Floats:
    """What the optimiser begins with: the content, or noise of a seed."""
    if settings["noise_seed"] is None:
        return as_planes(image)
    noise = np.random.default_rng(settings["noise_seed"]).random(image.shape, np.float32)
    return np.ascontiguousarray(noise.transpose(2, 0, 1)[np.newaxis])


def read_settings(request: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """SETTINGS over the configuration's defaults; what is absent or null is the default."""
    try:
        (text,) = pb_utils.get_input_tensor_by_name(request, "SETTINGS").as_numpy()
        given = json.loads(text.decode() or "{}")
    except (ValueError, AttributeError):
        given = None
    if not isinstance(given, dict):
        raise InvalidOptionError("SETTINGS is no JSON object")
    settings = {name: defaults[name] for name in (*RANGES, "content_layers", "style_layers") if name in defaults}
    settings |= {"preview_every_steps": 0, "noise_seed": None, "strength": 1.0}
    for name, value in given.items():
        if name not in settings:
            raise InvalidOptionError(f"SETTINGS has '{name}'; it may have {', '.join(settings)}")
        settings[name] = settings[name] if value is None else checked(name, value, defaults["layers"])
    return settings


RANGES = {
    "steps": (1, MOST_STEPS, int),
    "learning_rate": (1e-6, 1, float),
    "content_weight": (0, 1e12, float),
    "style_weight": (0, 1e12, float),
    "variation_weight": (0, 1e12, float),
    "preview_every_steps": (0, MOST_STEPS, int),
    "noise_seed": (0, 2**64 - 1, int),
    "strength": (0, 1, float),
}


def checked(name: str, value: Any, layers: list[str]) -> Any:
    """A setting that is in range, or layers that there are."""
    if name.endswith("_layers"):
        for layer in value if isinstance(value, list) else [value]:
            if layer not in layers:
                raise InvalidOptionError(f"SETTINGS: {name} has {layer!r}; the layers are {', '.join(layers)}")
        return value
    low, high, kind = RANGES[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (kind is int and value != int(value)) or not low <= value <= high:
        whole = "a whole number" if kind is int else "a number"
        raise InvalidOptionError(f"SETTINGS: {name} is {value!r}; it must be {whole} from {low:g} to {high:g}")
    return kind(value)


def check_pixels(name: str, height: int, width: int) -> None:
    if height * width > MOST_PIXELS:
        raise InvalidOptionError(f"{name} has an image of {width}x{height}; at most {MOST_PIXELS} pixels are taken")


def as_planes(image: Pixels) -> Floats:
    """uint8 (height, width, 3) as float32 (1, 3, height, width) in 0..1."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)[np.newaxis], np.float32) / np.float32(255)


def as_bytes(pixels: Floats) -> Pixels:
    return np.ascontiguousarray(np.rint(pixels[0].transpose(1, 2, 0) * 255).astype(np.uint8))
