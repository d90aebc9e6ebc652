"""Generators and their training: smoke runs, resuming after kill -9, digits, fruits, building sites.

Figures of starter models are measured through the generator service, those of whole experiments on the run folders
`build/runs/RECIPE`, and `build/runs/RECIPE-seed*` where an experiment was repeated. A run that is not there is a miss
that names the command for it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import grpc
import numpy as np
from safetensors import safe_open

from imago.v1 import generator_pb2, generator_pb2_grpc, image_pb2
from tests.acceptance.detection_training import command
from tests.acceptance.figures import Figures
from tests.processes import ROOT, server_process
from training.data.classified import ClassifiedImages
from training.data.sheet import save_png, sheet
from training.judges.judge import TrainedJudge, judge_of
from training.metrics.finished import load_generator
from training.metrics.images import ANY
from training.metrics.intervals import interval
from training.metrics.judged import CONFIDENT, class_accuracy, deviation_ratios, judged_by, opinion, recognised
from training.metrics.neighbours import picture
from training.metrics.scores import score_images
from training.recipe import Judge, load_recipe, recipe_names
from training.summary import read_summary
from training.translators.registry import is_translator

MODELS = ROOT / "services" / "generator" / "models"
OUT = ROOT / "out" / "generation"
RUNS = ROOT / "build" / "runs"
DIGITS = 1000
FRUITS = 64
COMPARED = 1000
"""Images made for a Frechet distance."""
AT_ONCE = 50
"""Images of one request."""
RESUMED_EPOCHS = 12
PUBLISHED, MODERN = "dcgan-fruits", "dcgan-fruits-modern"
PLAIN, TRICKS = "dcgan-hardhat", "dcgan-hardhat-tricks"


def smoke(figures: Figures) -> None:
    run_smallest(figures, generator_recipes())


def run_smallest(figures: Figures, recipes: list[str]) -> None:
    """Every recipe at its smallest size, once its data and its judge are there."""
    with TemporaryDirectory() as folder:
        for name in recipes:
            command(name, "--smoke", "--out", f"{folder}/warm-{name}")  # renders, trains the judge, fills file caches
            seconds, _ = command(name, "--smoke", "--out", f"{folder}/{name}")
            figures.at_most(f"python -m training {name} --smoke, s", seconds, 10)


def resume(figures: Figures) -> None:
    kill_and_resume(figures, generator_recipes())


def kill_and_resume(figures: Figures, recipes: list[str]) -> None:
    """Every recipe at its smallest size: killed in the middle and resumed, it ends as one that was left alone."""
    longer = ("--set", f"loop.epochs={RESUMED_EPOCHS}", "--set", "loop.save_every=1", "--set", "loop.evaluate_every=3")
    with TemporaryDirectory() as folder:
        for name in recipes:
            whole, parts = Path(folder) / f"{name}-whole", Path(folder) / f"{name}-parts"
            command(name, "--smoke", *longer, "--out", str(whole))
            step = _kill_after_a_checkpoint(name, "--smoke", *longer, "--out", str(parts))
            command(name, "--smoke", *longer, "--out", str(parts), "--resume")
            figures.equal(f"{name}, killed after step {step} and resumed: what differs", _differences(whole, parts), [])
            shutil.rmtree(whole)
            shutil.rmtree(parts)


def digits(figures: Figures) -> None:
    """The starter model through the service, and the published recipe's run beside it."""
    judge = judge_of(Judge(recipe="judge-digits"))
    figures.at_least("digits: the judge's accuracy on real test digits", judge.accuracy, 0.99)
    labels = (MODELS / "digits" / "labels.txt").read_text().split()
    made = served("digits", [(0, index, labels[index % len(labels)]) for index in range(DIGITS)])
    real = load_generator(newest("acgan-digits-modern")).images()
    _draw(made, OUT / "digits.png")
    said = opinion(judge, made)
    figures.at_least(f"digits: right class of {DIGITS}", class_accuracy(said, made), 0.97)
    ratios = deviation_ratios(made, real.train)
    figures.at_least(
        "digits: a pixel's deviation as a share of the real one, mean", interval([*ratios.values()]).mean, 0.7
    )
    figures.at_least("digits: the same, in the class that varies least", min(ratios.values()), 0.7, by_class=ratios)
    for name in ("acgan-digits", "acgan-digits-modern"):
        runs = [class_accuracy(opinion(judge, images), images) for images in drawn(name)]
        figures.measured(f"{name}: right class of {DIGITS}, a network of each run", str(interval(runs)), runs=runs)


def fruits(figures: Figures) -> None:
    """Both recipes on the same budget, and the starter model's images of 64 seeds."""
    published, modern = distances(PUBLISHED), distances(MODERN)
    budgets = {name: budget(name) for name in (PUBLISHED, MODERN)}
    for name, found in ((PUBLISHED, published), (MODERN, modern)):
        figures.measured(f"{name}: Frechet distance", str(interval(found)), runs=found, budget=budgets[name])
    share = float(np.mean(modern) / np.mean(published))
    figures.at_most("fruits: distance of the modern recipe as a share of the published one's", share, 0.6)
    judge = judge_of(Judge(recipe="judge-fruits"))
    figures.at_least("fruits: the judge's accuracy on held-out real ones", judge.accuracy, 0.98)
    made = served("fruits", [(seed, 0, "") for seed in range(FRUITS)])
    _draw(made, OUT / "fruits.png")
    said = opinion(judge, made)
    clear = int(recognised(said, judge.classes).sum())
    kinds = len(set(said.names[recognised(said, judge.classes)].tolist()))
    figures.at_least(f"fruits: recognised of seeds 0-{FRUITS - 1}, confidence {CONFIDENT}", clear, 58, kinds=kinds)


def construction(figures: Figures) -> None:
    """Whether the tricks help on complex scenes: by figures and by the sheets, which the documentation shows."""
    plain, tricks = distances(PLAIN), distances(TRICKS)
    for name, found in ((PLAIN, plain), (TRICKS, tricks)):
        figures.measured(f"{name}: Frechet distance", str(interval(found)), runs=found, budget=budget(name))
    verdict = "tricks help" if np.mean(tricks) < np.mean(plain) else "tricks do not help"
    share = float(np.mean(tricks) / np.mean(plain))
    figures.measured("construction: distance with tricks as a share of that without", share, verdict=verdict)
    judge = judge_of(Judge(recipe="judge-construction"))
    for model in ("construction_plain", "construction_tricks"):
        made = served(model, [(seed, 0, "") for seed in range(FRUITS)])
        _draw(made, OUT / f"{model}.png")
        figures.measured(f"{model}: share recognised of seeds 0-{FRUITS - 1}", _recognised(judge, made))


def generator_recipes() -> list[str]:
    """All that train two players, one of which makes images out of latent vectors."""
    recipes = map(load_recipe, recipe_names())
    return [recipe.name for recipe in recipes if recipe.adversarial is not None and not is_translator(recipe)]


def served(model: str, wanted: list[tuple[int, int, str]]) -> ClassifiedImages:
    """What the service makes of a committed model: images by seed, index and class."""
    classes = tuple(dict.fromkeys(label for _, _, label in wanted if label)) or ANY
    images = []
    arguments = (f"--model-repository={MODELS}", f"--load-model={model}")
    with (
        server_process("services.generator", *arguments) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        service = generator_pb2_grpc.GeneratorServiceStub(channel)
        for seed, first, labels in _requests(wanted):
            request = generator_pb2.GenerateRequest(
                model=model, seed=seed, first_index=first, count=len(labels), labels=filter(None, labels)
            )
            request.output.format = image_pb2.IMAGE_FORMAT_PNG
            answer = service.Generate(request, timeout=60)
            images += [_decoded(each.image.encoded) for each in answer.images]
    numbers = [classes.index(label) if label else 0 for _, _, label in wanted]
    names = [f"seed {seed}, image {index}" for seed, index, _ in wanted]
    return ClassifiedImages(np.stack(images), np.array(numbers, np.int64), classes, names)


def runs_of(name: str) -> list[Path]:
    """The finished runs of a recipe.

    Raises:
        RuntimeError: there is none.
    """
    folders = [RUNS / name, *sorted(RUNS.glob(f"{name}-seed*"))]
    found = [folder for folder in folders if (folder / "summary.json").is_file()]
    if not found:
        raise RuntimeError(f"no run is in {RUNS / name}: python -m training {name}")
    return found


def newest(name: str) -> Path:
    """The run of a recipe that finished last."""
    return max(runs_of(name), key=lambda folder: (folder / "summary.json").stat().st_mtime)


def drawn(name: str) -> list[ClassifiedImages]:
    """Images of each run's best generator."""
    return [load_generator(folder).draw(DIGITS, seed=0) for folder in runs_of(name)]


def distances(name: str) -> list[float]:
    """The Frechet distance of each run, measured anew."""
    found = []
    for folder in runs_of(name):
        finished = load_generator(folder)
        real = finished.images().validation
        value = score_images(finished.draw(COMPARED, seed=0), real, finished.judge())["frechet"]
        if value is None:
            raise RuntimeError(f"{folder}: {len(real)} held-out images are too few for a distance")
        found.append(value)
    return found


def budget(name: str) -> list[dict[str, Any]]:
    """What each run of a recipe cost."""
    summaries = [read_summary(folder) for folder in runs_of(name)]
    return [{field: each[field] for field in ("device", "steps", "epochs", "wall_clock_s")} for each in summaries]


def _recognised(judge: TrainedJudge, images: ClassifiedImages) -> float:
    said = opinion(judge, images)
    return float(recognised(said, judged_by(judge.classes, images.classes)).mean())


def _requests(wanted: list[tuple[int, int, str]]) -> list[tuple[int, int, list[str]]]:
    """Seed, first index and labels of requests: images of one seed whose indices follow each other go together."""
    requests: list[tuple[int, int, list[str]]] = []
    for seed, index, label in wanted:
        if requests:
            before, first, labels = requests[-1]
            if before == seed and first + len(labels) == index and len(labels) < AT_ONCE:
                labels.append(label)
                continue
        requests.append((seed, index, [label]))
    return requests


def _decoded(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """uint8 (height, width, channels), RGB or grey."""
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels[:, :, None] if pixels.ndim == 2 else pixels[:, :, ::-1], np.uint8)


def _draw(images: ClassifiedImages, file: Path) -> None:
    save_png(file, sheet([picture(pixels) for pixels in images.pixels[:FRUITS]], 8))
    sys.stderr.write(f"what was made: {file}\n")


def _kill_after_a_checkpoint(*arguments: str) -> int:
    """Start a training, kill it with SIGKILL once its second checkpoint is there; the checkpoint's step."""
    folder = Path(arguments[arguments.index("--out") + 1]) / "checkpoints"
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    seen: set[str] = set()
    try:
        while len(seen) < 2 and process.poll() is None:
            seen |= {path.name for path in folder.glob("step-*")}
            time.sleep(0.005)  # a process of its own can only be watched
    finally:
        ended = process.poll()
        if ended is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if ended is not None:
        raise RuntimeError(f"training {' '.join(arguments)} ended with {ended} before it could be killed")
    return max(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))


def _differences(first: Path, second: Path) -> list[str]:
    """Files of weights and lines of metrics that are not equal; what a clock measured does not count."""
    names = sorted(str(file.relative_to(first)) for file in first.rglob("*.safetensors"))
    found = [name for name in names if not _equal(first / name, second / name)]
    lines, others = _metrics(first), _metrics(second)
    found += [f"metrics.jsonl, epoch {number}" for number, line in enumerate(lines, 1) if line not in others]
    return found if len(lines) == len(others) else [*found, "metrics.jsonl, number of lines"]


def _equal(first: Path, second: Path) -> bool:
    """Whether tensors and notes are the same to the last bit; in which order a file has its notes is left to chance."""
    if not second.is_file():
        return False
    with safe_open(first, "np") as one, safe_open(second, "np") as other:
        if one.metadata() != other.metadata() or set(one.keys()) != set(other.keys()):
            return False
        return all(one.get_tensor(name).tobytes() == other.get_tensor(name).tobytes() for name in one.keys())  # noqa: SIM118


def _metrics(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "images_per_second"} for line in lines]
