"""Equality, box by box: the exported graph in each engine, and the running service, with the trainer's detections."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from imago.client import Imago
from imago.v1 import detector_pb2, image_pb2
from tests.acceptance.detection_training import STARTERS, command
from tests.acceptance.figures import Figures
from tests.processes import ROOT, server_process
from training.export.detectors.engines import Pixels
from training.export.detectors.matching import SUPPRESSION_IOU, Found, Matches, Tolerance, match
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
    """The trainer's detections against the answers of Detect to the same pixels."""
    trained = load_run(run)
    images = held_out_images(trained, IMAGES, None)
    own = own_detections(trained.network)(images, THRESHOLD)
    results: list[Matches] = []
    arguments = (f"--model-repository={repository}", f"--load-model={name}")
    with server_process("services.detector", *arguments) as server, Imago(server.grpc_address) as imago:
        for pixels, reported in zip(images, own, strict=True):
            answers = [_answer(imago, name, pixels, iou) for iou in (SUPPRESSION_IOU, 1.0)]
            found, candidates = (_found(answer, trained.recipe.data.classes) for answer in answers)
            results.append(match(reported.objects(THRESHOLD), found, candidates, TOLERANCE))
    overlaps, differences, lost = (
        np.concatenate([getattr(each, field) for each in results]) for field in ("overlaps", "differences", "lost")
    )
    what = f"{run.name} through the service"
    figures.equal(f"{what}: detections of the trainer without an equal", int(lost.sum()), 0, of=len(lost))
    if len(lost):
        _figures(figures, f"{what}, {len(lost)} detections", float(overlaps.min()), float(differences.max()))


def _answer(imago: Imago, model: str, pixels: Pixels, iou: float) -> detector_pb2.DetectResponse:
    """All that Detect answers for pixels that need no letterbox; with an `iou` of 1 nothing is suppressed."""
    height, width = pixels.shape[:2]
    raw = image_pb2.RawImage(width=width, height=height, format=image_pb2.PIXEL_FORMAT_RGB8, data=pixels.tobytes())
    return imago.detect(
        image_pb2.Image(raw=raw),
        model=model,
        score_threshold=THRESHOLD - TOLERANCE.score,
        iou_threshold=iou,
        max_detections=3000,
    )


def _found(answer: detector_pb2.DetectResponse, classes: tuple[str, ...]) -> Found:
    boxes = [(each.box.x_min, each.box.y_min, each.box.x_max, each.box.y_max) for each in answer.detections]
    return Found(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([each.score for each in answer.detections], np.float32),
        np.array([classes.index(each.label) for each in answer.detections], np.int64),
    )
