"""Equality, box by box: the exported graph in each engine, and the running service, with the trainer's detections."""

import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from imago.client import Imago
from imago.v1 import detector_pb2, image_pb2
from tests.acceptance.detection_training import STARTERS, command
from tests.acceptance.figures import Figures
from tests.processes import ROOT, server_process
from training.export.detectors.engines import Pixels
from training.export.detectors.matching import Found, Matches, Tolerance, match
from training.export.detectors.pipeline import held_out_images
from training.export.detectors.trained import load_run, own_detections

IMAGES = 50
THRESHOLD = 0.25
TOLERANCE = Tolerance(iou=0.99, score=0.01)
PROOF = re.compile(r"(\w+), (\w+): (\d+) detections .* \(least IoU ([\d.]+), scores within ([\d.]+)\)")


def parity(figures: Figures) -> None:
    """A run is exported, which compares 50 images and fails where they differ; what it wrote is then served and asked.

    Smoke runs where no whole one is there.
    """
    with TemporaryDirectory() as folder:
        for recipe in STARTERS:
            run = ROOT / "build" / "runs" / recipe
            if not (run / "summary.json").is_file():
                run = Path(folder) / recipe
                command(recipe, "--smoke", "--out", str(run))
            name, repository = recipe.replace("-", "_"), Path(folder) / "models"
            _, printed = command("export", str(run), "--into", str(repository), "--name", name)
            for engine, precision, count, iou, score in PROOF.findall(printed):
                if precision == "f32":
                    _figures(figures, f"{run.name} in {engine}, {count} detections", float(iou), float(score))
            _served(figures, run, repository, name)


def _figures(figures: Figures, name: str, iou: float, score: float) -> None:
    figures.at_least(f"{name}: least IoU", iou, TOLERANCE.iou)
    figures.at_most(f"{name}: largest difference of scores", score, TOLERANCE.score)


def _served(figures: Figures, run: Path, repository: Path, name: str) -> None:
    """The trainer's detections against the answers of Detect to the same pixels.

    Each must be among all that Detect finds: ultralytics suppresses among the best labels of its candidates, Detect
    among all of them, so that what either suppresses says nothing about equality.
    """
    trained = load_run(run)
    images = held_out_images(trained, IMAGES, None)
    own = own_detections(trained.network)(images, THRESHOLD)
    results: list[Matches] = []
    arguments = (f"--model-repository={repository}", f"--load-model={name}")
    with server_process("services.detector", *arguments) as server, Imago(server.grpc_address) as imago:
        for pixels, reported in zip(images, own, strict=True):
            candidates = _found(_unsuppressed(imago, name, pixels), trained.recipe.data.classes)
            wanted = _inside(reported, pixels).objects(THRESHOLD)
            results.append(match(wanted, candidates, candidates, TOLERANCE))
    overlaps, differences, lost = (
        np.concatenate([getattr(each, field) for each in results]) for field in ("overlaps", "differences", "lost")
    )
    what = f"{run.name} through the service"
    figures.equal(f"{what}: detections of the trainer without an equal", int(lost.sum()), 0, of=len(lost))
    if len(lost):
        _figures(figures, f"{what}, {len(lost)} detections", float(overlaps.min()), float(differences.max()))


def _inside(found: Found, pixels: Pixels) -> Found:
    """The service answers with what lies in the image; trainers' boxes reach beyond its edges."""
    height, width = pixels.shape[:2]
    return replace(found, edges=np.clip(found.edges, 0, np.array([width, height, width, height], np.float32)))


def _unsuppressed(imago: Imago, model: str, pixels: Pixels) -> detector_pb2.DetectResponse:
    """All that Detect can answer for pixels that need no letterbox."""
    height, width = pixels.shape[:2]
    raw = image_pb2.RawImage(width=width, height=height, format=image_pb2.PIXEL_FORMAT_RGB8, data=pixels.tobytes())
    return imago.detect(
        image_pb2.Image(raw=raw),
        model=model,
        score_threshold=THRESHOLD - TOLERANCE.score,
        iou_threshold=1.0,
        max_detections=3000,
        one_label=False,
    )


def _found(answer: detector_pb2.DetectResponse, classes: tuple[str, ...]) -> Found:
    boxes = [(each.box.x_min, each.box.y_min, each.box.x_max, each.box.y_max) for each in answer.detections]
    return Found(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([each.score for each in answer.detections], np.float32),
        np.array([classes.index(each.label) for each in answer.detections], np.int64),
    )
