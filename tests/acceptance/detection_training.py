"""Training and its data: the smoke run, the starter recipes, held-out scores, parity, conversion."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import grpc
import numpy as np
import torch

from imago.v1 import detector_pb2, detector_pb2_grpc
from tests.acceptance.figures import Figures
from tests.processes import ROOT, server_process
from training.average_precision import average_precision
from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.rendered import VALIDATION_OFFSET, render_folder
from training.data.sheet import draw_boxes, save_png, sheet
from training.recipe import load_recipe

MODELS = ROOT / "services" / "detector" / "models"
OUT = ROOT / "out" / "detection"
HELD_OUT = 300
HELD_OUT_SEED = VALIDATION_OFFSET + 500_000
"""Neither trained on nor used to choose a checkpoint: recipes validate with seeds far below."""
SHOWN = 20
STARTERS = {"mask-compact": "mask_detector", "mask-yolo": "mask_yolo"}
WITHIN_S = 20 * 60


def command(*arguments: str) -> tuple[float, str]:
    """Run `python -m training`; seconds and what it printed."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "training", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"training {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}")
    return time.monotonic() - start, done.stdout


def smoke(figures: Figures) -> None:
    with TemporaryDirectory() as folder:
        for recipe in STARTERS:
            seconds, _ = command(recipe, "--smoke", "--out", f"{folder}/warm-{recipe}")  # renders, fills file caches
            seconds, _ = command(recipe, "--smoke", "--out", f"{folder}/{recipe}")
            figures.at_most(f"python -m training {recipe} --smoke, s", seconds, 10)


def starter(figures: Figures) -> None:
    """Train both starter recipes anew: forty minutes, and four more where their pictures are not rendered yet."""
    with TemporaryDirectory() as folder:
        for recipe in STARTERS:
            seconds, _ = command(recipe, "--out", f"{folder}/{recipe}")
            summary = json.loads((Path(folder) / recipe / "summary.json").read_text())
            figures.at_most(f"{recipe}, whole recipe, s", seconds, WITHIN_S, summary=summary)


def heldout(figures: Figures) -> None:
    """The committed models through the service, on images that nobody trained on or chose by."""
    data = load_recipe("mask-compact").data
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + HELD_OUT)
    images = render_folder("masks", (data.width, data.height), seeds, ROOT / "build" / "held-out")
    scores = {}
    for model in STARTERS.values():
        if not (MODELS / model).is_dir():
            continue
        true = [truth(image, data.classes) for image in images]
        # average precision ranks every score of every label, so none is to be left out for a better one
        scores[model] = average_precision(detections(model, images, one_label=False), true, data.classes)
        answered = detections(model, images, one_label=True)
        single = average_precision(answered, true, data.classes)
        _draw(images[:SHOWN], answered, data.classes, OUT / f"{model}.png")
        per_class = [scores[model][f"AP50/{name}"] for name in data.classes]
        figures.at_least(f"{model}, mAP50 on {HELD_OUT} held-out images", scores[model]["mAP50"] or 0, 0.90, **{
            "mAP50-95": scores[model]["mAP50-95"], "mAP50_one_label_each": single["mAP50"]
        })  # fmt: skip
        for name, value in zip(data.classes, per_class, strict=True):
            figures.at_least(f"{model}, AP50 of {name}", value or 0, 0.80)
    if len(scores) == 2:
        behind = (scores["mask_yolo"]["mAP50"] or 0) - (scores["mask_detector"]["mAP50"] or 0)
        figures.at_most("mAP50 that the default is behind the YOLO", behind, 0.03)


def detections(model: str, images: list[AnnotatedImage], *, one_label: bool) -> list[dict[str, torch.Tensor]]:
    """What the detector service answers for image files, down to a score of 0.01, as torchmetrics wants it."""
    labels = (MODELS / model / "labels.txt").read_text().split("\n")
    found = []
    arguments = (f"--model-repository={MODELS}", f"--load-model={model}")
    with (
        server_process("services.detector", *arguments) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        detector = detector_pb2_grpc.DetectorServiceStub(channel)
        for image in images:
            request = detector_pb2.DetectRequest(
                model=model, score_threshold=0.01, max_detections=100, one_label=one_label
            )
            request.image.encoded = image.file.read_bytes()
            answer = detector.Detect(request, timeout=60).detections
            boxes = [(each.box.x_min, each.box.y_min, each.box.x_max, each.box.y_max) for each in answer]
            found.append(
                {
                    "boxes": torch.tensor(boxes).reshape(-1, 4),
                    "scores": torch.tensor([each.score for each in answer]),
                    "labels": torch.tensor([labels.index(each.label) for each in answer], dtype=torch.int64),
                }
            )
    return found


def truth(image: AnnotatedImage, classes: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """The annotated boxes; difficult ones count neither way."""
    return {
        "boxes": torch.tensor([box.edges for box in image.boxes]).reshape(-1, 4),
        "labels": torch.tensor([classes.index(box.label) for box in image.boxes], dtype=torch.int64),
        "iscrowd": torch.tensor([int(box.difficult) for box in image.boxes], dtype=torch.int64),
    }


def _draw(
    images: list[AnnotatedImage], found: list[dict[str, torch.Tensor]], classes: tuple[str, ...], file: Path
) -> None:
    cells = []
    for image, each in zip(images, found, strict=False):
        pixels = cv2.cvtColor(np.asarray(cv2.imread(str(image.file)), np.uint8), cv2.COLOR_BGR2RGB)
        keep = each["scores"] >= 0.25
        boxes = [
            LabelledBox(classes[int(label)], tuple(edges.tolist()))
            for label, edges in zip(each["labels"][keep], each["boxes"][keep], strict=True)
        ]
        cells.append(draw_boxes(np.asarray(pixels, np.uint8), boxes, scores=each["scores"][keep].tolist()))
    file.parent.mkdir(parents=True, exist_ok=True)
    save_png(file, sheet(cells, 5))
    sys.stderr.write(f"{SHOWN} pictures with what was found: {file}\n")


def conversion(figures: Figures) -> None:
    """As many images as the public set has, of its usual size."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        (first,) = render_folder("masks", (400, 300), range(1), source)
        text = (source / "annotations" / f"{first.file.stem}.xml").read_text()
        for number in range(1, 853):
            name = f"{number:010d}"
            shutil.copyfile(first.file, source / "images" / f"{name}.jpg")
            (source / "annotations" / f"{name}.xml").write_text(text.replace(first.file.stem, name))
        seconds, _ = command("convert", str(source), "--to", "yolo", "--into", f"{folder}/yolo")
        written = len(list((Path(folder) / "yolo").rglob("*.txt")))
        figures.at_most("853 annotated images from VOC to YOLO, s", seconds, 10, written=written)
