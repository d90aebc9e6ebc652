"""Deep Dream (Mordvintsev et al. 2015): climbs what a layer of a network sees in an image, octave by octave.

Runs wherever Triton's Python backend runs; the card describes its tensors. Nothing here knows the network: layers and
defaults are in the configuration, the objective and its gradient in `step.onnx`.
"""

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

MOST_VECTORS = 1024
"""Of a guide, for each layer: every position of the image is compared with all of them."""

SMOOTHED, FLAT = (0.0, 1.0, 2.0), 24.0
"""Deviations in pixels of the blurs that the gradient is averaged over, so that coarse forms grow as fast as noise, and
of the one that it is freed of: a dream changes forms, and does not flood whole regions with a colour."""

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[dict[str, Floats], list[str]], list[Floats]]


class InvalidOptionError(Exception):
    """The caller's mistake."""


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
    import onnxruntime as ort  # noqa: PLC0415 - a machine may have a GPU, and a build of it for CPUs

    return "CUDAExecutionProvider" in ort.get_available_providers()


class Moment(NamedTuple):
    """After a step: where it is, what was reached before it, and the image since."""

    progress: tuple[int, int, int, int]
    objective: float
    image: Floats


class TritonPythonModel:
    """IMAGE, GUIDE and SETTINGS in; PROGRESS, OBJECTIVE and IMAGE out, after each step; BEFORE_AFTER with the last."""

    def initialize(self, args: dict[str, str]) -> None:
        stated = json.loads(args["model_config"])["parameters"]
        parameters = {name: value["string_value"] for name, value in stated.items()}
        self._defaults = json.loads(parameters["imago.dream"])
        self._channels: dict[str, int] = self._defaults["layers"]
        self._graph = Graph(Path(args["model_repository"]) / args["model_version"] / "step.onnx", args, parameters)
        side = self._defaults["least"]
        self._climb(np.zeros((side, side, 3), np.float32), self._nothing())  # engines prepare themselves at first

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
        settings = read_settings(request, self._defaults)
        image = self._image(request, "IMAGE")
        targets = self._targets(settings["targets"], request)
        every = settings["preview_every_steps"] or settings["steps"]
        before = self._climb(image, targets)[0]
        for moment in self._dream(image, targets, settings):
            if request.is_cancelled():
                return
            octave, octaves, step, steps = moment.progress
            last = (octave + 1, step) == (octaves, steps)
            shown = last or step % every == 0
            tensors = {
                "PROGRESS": np.array(moment.progress, np.int64),
                "OBJECTIVE": np.array([moment.objective], np.float32),
                "IMAGE": np.rint(moment.image * 255).astype(np.uint8) if shown else np.zeros((0, 0, 3), np.uint8),
            }
            if last:
                after = self._climb(moment.image, targets)[0]
                tensors["BEFORE_AFTER"] = np.array([before, after], np.float32)
            sender.send(pb_utils.InferenceResponse([pb_utils.Tensor(*tensor) for tensor in tensors.items()]))

    def _dream(self, image: Floats, targets: dict[str, Floats], settings: dict[str, Any]) -> Iterator[Moment]:
        """The four steps of the algorithm: three are in the graph, the update is here.

        An octave begins with the image at its size and what the one before has dreamt: nothing of the image is lost.
        """
        random, steps = np.random.default_rng(settings["seed"]), settings["steps"]
        sizes = octave_sizes(image, settings, self._defaults["least"])
        detail = np.zeros((1, 1, 3), np.float32)
        for octave, size in enumerate(sizes):
            plain = resized(image, size)
            dreamt = np.clip(plain + resized(detail, size), 0, 1)
            for step in range(1, steps + 1):
                shift = random.integers(-settings["jitter"], settings["jitter"], 2, endpoint=True)
                objective, gradient = self._climb(np.roll(dreamt, shift, (0, 1)), targets)  # 1. to 3.
                change = smoothed(np.roll(gradient, -shift, (0, 1)))
                scale = settings["step_size"] / max(float(np.abs(change).mean()), 1e-12)
                dreamt = np.asarray(np.clip(dreamt + scale * change, 0, 1), np.float32)  # 4. update the image
                yield Moment((octave, len(sizes), step, steps), objective, dreamt)
            detail = dreamt - plain

    def _climb(self, image: Floats, targets: dict[str, Floats]) -> tuple[float, Floats]:
        """The objective, and its gradient by the image, tile by tile, so that memory does not grow with the image.

        Tiles are equal, and the image goes on at its other side to fill them: what lies beyond its edges is dropped.
        """
        sides = image.shape[:2]
        counts = [-(-side // self._defaults["tile"]) for side in sides]
        multiple = self._defaults["multiple"]
        tall, wide = (-(-side // (count * multiple)) * multiple for side, count in zip(sides, counts, strict=True))
        filled = np.pad(image, ((0, counts[0] * tall - sides[0]), (0, counts[1] * wide - sides[1]), (0, 0)), "wrap")
        gradient, objective = np.empty_like(filled), 0.0
        for top in range(0, filled.shape[0], tall):
            for left in range(0, filled.shape[1], wide):
                place = (slice(top, top + tall), slice(left, left + wide))
                found, slope = self._graph({"IMAGE": as_planes(filled[place]), **targets}, ["OBJECTIVE", "GRADIENT"])
                objective += float(found[0]) / (counts[0] * counts[1])
                gradient[place] = slope[0].transpose(1, 2, 0)
        return objective, gradient[: sides[0], : sides[1]]

    def _targets(self, targets: list[dict[str, Any]], request: Any) -> dict[str, Floats]:
        """What is strengthened: squares of channels; with a guide, products with what it shows."""
        inputs = self._nothing()
        guide = (
            self._image(request, "GUIDE")
            if pb_utils.get_input_tensor_by_name(request, "GUIDE").as_numpy().size
            else None
        )
        places = list(self._channels)
        for target in targets:
            layer, channel, weight = target["layer"], target["channel"], target["weight"]
            chosen = np.zeros(self._channels[layer], np.float32)
            chosen[slice(None) if channel is None else channel] = 1
            if guide is None:
                inputs[f"WEIGHTS_{layer}"] += weight * chosen / chosen.sum()
            else:
                inputs["GUIDED"][places.index(layer)] += weight
                inputs[f"GUIDE_{layer}"] = inputs[f"GUIDE_{layer}"] + self._vectors(guide, layer) * chosen
        return inputs

    def _vectors(self, guide: Floats, layer: str) -> Floats:
        """What a layer sees at the positions of the guide, float32 (vectors, channels), each of length 1."""
        sides = [side - side % self._defaults["multiple"] for side in guide.shape[:2]]
        planes = as_planes(guide[: sides[0], : sides[1]])
        (maps,) = self._graph({"IMAGE": planes, **self._nothing()}, [f"ACTIVATIONS_{layer}"])
        rows = maps.reshape(maps.shape[1], -1).T
        rows = rows[:: -(-len(rows) // MOST_VECTORS)]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-6), np.float32)

    def _nothing(self) -> dict[str, Floats]:
        """Targets that strengthen nothing."""
        inputs = {"GUIDED": np.zeros(len(self._channels), np.float32)}
        for name, channels in self._channels.items():
            inputs[f"WEIGHTS_{name}"] = np.zeros(channels, np.float32)
            inputs[f"GUIDE_{name}"] = np.zeros((1, channels), np.float32)
        return inputs

    def _image(self, request: Any, name: str) -> Floats:
        pixels: Pixels = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
        height, width = pixels.shape[:2]
        if min(height, width) < self._defaults["least"]:
            raise InvalidOptionError(f"{name} is {width}x{height}; sides must be at least {self._defaults['least']}")
        return pixels.astype(np.float32) / np.float32(255)


def octave_sizes(image: Floats, settings: dict[str, Any], least: int) -> list[tuple[int, int]]:
    """Heights and widths from the smallest up; octaves too small for the network are left out."""
    height, width = image.shape[:2]
    scales = [settings["octave_scale"] ** -number for number in reversed(range(settings["octaves"]))]
    sizes = [(round(height * scale), round(width * scale)) for scale in scales]
    return [size for size in sizes if min(size) >= least] or [(height, width)]


def resized(image: Floats, size: tuple[int, int]) -> Floats:
    if image.shape[:2] == size:
        return image
    interpolation = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size[::-1], interpolation=interpolation), np.float32)


def smoothed(gradient: Floats) -> Floats:
    """The gradient's bands of forms, each as strong as the others."""
    forms = gradient - cv2.GaussianBlur(gradient, (0, 0), FLAT)
    blurred = [cv2.GaussianBlur(forms, (0, 0), deviation) if deviation else forms for deviation in SMOOTHED]
    return np.asarray(sum(part / max(float(part.std()), 1e-12) for part in blurred), np.float32)


def read_settings(request: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """SETTINGS over the configuration's defaults; what is absent or null is the default."""
    try:
        (text,) = pb_utils.get_input_tensor_by_name(request, "SETTINGS").as_numpy()
        given = json.loads(text.decode() or "{}")
    except (ValueError, AttributeError):
        given = None
    if not isinstance(given, dict):
        raise InvalidOptionError("SETTINGS is no JSON object")
    settings = {name: defaults[name] for name in ("octaves", "octave_scale", "steps", "step_size")}
    settings |= {"jitter": 32, "seed": 0, "preview_every_steps": 0}
    for name in given.keys() - {"targets"}:
        if name not in settings:
            raise InvalidOptionError(f"SETTINGS has '{name}'; it may have targets, {', '.join(settings)}")
        settings[name] = settings[name] if given[name] is None else checked(name, given[name])
    targets = given.get("targets") or defaults["targets"]
    if not isinstance(targets, list):
        raise InvalidOptionError("SETTINGS: targets is no list")
    settings["targets"] = [read_target(target, defaults["layers"]) for target in targets]
    return settings


def read_target(target: Any, layers: dict[str, int]) -> dict[str, Any]:
    if not isinstance(target, dict) or target.get("layer") not in layers:
        layer = target.get("layer") if isinstance(target, dict) else target
        raise InvalidOptionError(f"SETTINGS: targets has the layer {layer!r}; the layers are {', '.join(layers)}")
    channel, weight, count = target.get("channel"), target.get("weight", 1), layers[target["layer"]]
    if channel is not None and channel not in range(count):
        raise InvalidOptionError(f"SETTINGS: channel is {channel!r}; {target['layer']} has 0 to {count - 1}")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < abs(weight) <= 1e6:
        raise InvalidOptionError(f"SETTINGS: weight is {weight!r}; it must be a number other than 0, within 1e6 of it")
    return {"layer": target["layer"], "channel": channel, "weight": float(weight)}


RANGES = {
    "octaves": (1, 10, int),
    "octave_scale": (1, 2, float),
    "steps": (1, 500, int),
    "step_size": (0, 0.5, float),
    "jitter": (0, 128, int),
    "seed": (0, 2**64 - 1, int),
    "preview_every_steps": (0, 500, int),
}


def checked(name: str, value: Any) -> Any:
    low, high, kind = RANGES[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (kind is int and value != int(value)) or not low <= value <= high:
        whole = "a whole number" if kind is int else "a number"
        raise InvalidOptionError(f"SETTINGS: {name} is {value!r}; it must be {whole} from {low:g} to {high:g}")
    return kind(value)


def as_planes(image: Floats) -> Floats:
    return np.ascontiguousarray(image.transpose(2, 0, 1)[np.newaxis])
