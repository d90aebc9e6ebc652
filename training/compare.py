"""Times detectors in the engines that may serve them, side by side in one run: the paper's comparison, said in full.

What is timed is one call: letterboxed bytes in, candidates out. Normalising and the decoding of boxes are included;
opening images, letterboxing and suppression are not, except in a Faster R-CNN, which suppresses inside. All rows take
turns, so that a busy moment of the machine hits them alike; medians are of single calls after a warm-up.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import onnx
import torch
from torch import nn

from training.errors import TrainingError
from training.export.detectors.engines import Infer, Pixels, onnxruntime_engine, openvino_engine, torch_engine
from training.export.detectors.graph import export_graph
from training.export.detectors.trained import TrainedDetector
from training.export.engines import cpu_precisions
from training.record import device_name

WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that is timed."""

    model: str
    engine: str
    precision: str
    batch: int
    call: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """An arm's figures; milliseconds are for each image, of single calls."""

    model: str
    engine: str
    precision: str
    batch: int
    calls: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        batches: sizes of batch to time.
        rounds: turns of every arm.
        turn_s: seconds of a turn; it has one call at least.
        threads: of every engine.
    """

    batches: Sequence[int] = (1, 32)
    rounds: int = 7
    turn_s: float = 2.0
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Model:
    """One line of the table of models.

    Attributes:
        name: unique in the comparison.
        size: side of the input in pixels.
        parameters: number of weights.
        file_bytes: of the ONNX file.
        two_stage: a Faster R-CNN.
        scores: by name, 0..1; none for an untrained network.
    """

    name: str
    size: int
    parameters: int
    file_bytes: int
    two_stage: bool
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was measured. `machine` is the processor, `software` the engines with their versions."""

    models: Sequence[Model]
    timings: Sequence[Timing]
    effort: Effort
    machine: str
    software: str


def compare_models(contenders: Sequence[TrainedDetector], effort: Effort, say: Callable[[str], object]) -> Comparison:
    """Export, time and tabulate networks; `say` is told what goes on.

    Raises:
        TrainingError: two of them have one name, or one does not export.
    """
    names = [f"{one.recipe.name}{'' if one.summary else ' (untrained)'}" for one in contenders]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TrainingError(f"two of the networks are called '{twice[0]}': compare one run of a recipe at a time")
    models: list[Model] = []
    arms: list[Arm] = []
    for name, trained in zip(names, contenders, strict=True):
        say(f"exporting {name}")
        graph = export_graph(trained.network, trained.recipe.model.size, batched=trained.batched)
        models.append(_model(name, trained, len(graph.SerializeToString())))
        arms.extend(arms_of(name, trained, graph, effort))
    say(f"timing {len(arms)} rows, at least {len(arms) * effort.rounds * effort.turn_s:.0f} s")
    software = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime", "openvino"))
    return Comparison(models, measure(arms, effort), effort, device_name(torch.device("cpu")), software)


def _model(name: str, trained: TrainedDetector, file_bytes: int) -> Model:
    return Model(
        name=name,
        size=trained.recipe.model.size,
        parameters=trained.parameters,
        file_bytes=file_bytes,
        two_stage=not trained.batched,
        scores={name: value for name, value in trained.scores.items() if value is not None},
    )


def arms_of(name: str, trained: TrainedDetector, model: onnx.ModelProto, effort: Effort) -> Iterator[Arm]:
    """Every engine and precision that this machine has, at every size of batch that the network takes.

    Args:
        name: the model's, in the table.
        trained: the network.
        model: its graph.
        effort: sizes of batch and threads.
    """
    size = trained.recipe.model.size
    shape = (max(effort.batches), size, size, 3)
    pixels: Pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for engine, precision, infer in _engines(trained.network, model, effort.threads):
        for batch in effort.batches if trained.batched else (1,):
            yield Arm(name, engine, precision, batch, _call(infer, pixels[:batch]))


def measure(arms: Sequence[Arm], effort: Effort, *, clock: Callable[[], float] = time.perf_counter) -> list[Timing]:
    """Let all arms take turns; `clock` gives seconds."""
    for arm in arms:
        for _ in range(WARM_UP):
            arm.call()
    samples: list[list[float]] = [[] for _ in arms]
    for _ in range(effort.rounds):
        for arm, seconds in zip(arms, samples, strict=True):
            seconds.extend(_turn(arm, effort.turn_s, clock))
    return [_summary(arm, seconds) for arm, seconds in zip(arms, samples, strict=True)]


def _engines(detector: nn.Module, model: onnx.ModelProto, threads: int) -> Iterator[tuple[str, str, Infer]]:
    torch.set_num_threads(threads)
    yield "torch", "f32", torch_engine(detector)
    yield "onnxruntime", "f32", onnxruntime_engine(model, threads=threads)
    for precision in cpu_precisions():
        yield "OpenVINO", precision, openvino_engine(model, precision, threads=threads)
    if torch.cuda.is_available():
        on_gpu = deepcopy(detector).cuda()
        yield "torch, CUDA", "f32", torch_engine(on_gpu)
        yield "torch, CUDA", "f16", torch_engine(on_gpu, half=True)


def _call(infer: Infer, pixels: Pixels) -> Callable[[], object]:
    return lambda: infer(pixels)


def _turn(arm: Arm, turn_s: float, clock: Callable[[], float]) -> Iterator[float]:
    ends = clock() + turn_s
    while True:
        began = clock()
        arm.call()
        now = clock()
        yield now - began
        if now >= ends:
            return


def _summary(arm: Arm, seconds: Sequence[float]) -> Timing:
    p50, p95 = np.percentile(seconds, (50, 95)) * 1000 / arm.batch
    return Timing(arm.model, arm.engine, arm.precision, arm.batch, len(seconds), float(p50), float(p95))
