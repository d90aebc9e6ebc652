"""The detectors that are not trained here: curves of recall, speed, and faces cut from identity cards."""

import csv
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from imago.client import Imago
from imago.options import FaceOptions
from imago.v1 import detector_pb2
from services.runtime.geometry import iou_matrix
from tests.acceptance.detection_training import command
from tests.acceptance.figures import Figures
from tests.photographs import zidane
from tests.processes import server_process
from training.render.cards import Faces, oriented_jpeg, render_card

CARDS = 40
ENOUGH = 0.6
THE_FACE: FaceOptions = {"largest_only": True, "crops": detector_pb2.FaceCropOptions(aligned=False)}
CARD_OPTIONS: tuple[FaceOptions, ...] = (
    {**THE_FACE, "model": "face_hog"},
    {**THE_FACE, "model": "face_mmod"},
    {**THE_FACE, "model": "face_haar", "haar": detector_pb2.HaarOptions(scale_factor=1.05, min_neighbours=10)},
)
"""Haar's defaults are the attribute paper's, made to throw portraits away; of a card the one face is to be found."""
LOST_AT_RANDOM = 0.03
"""Recall may rise by as much from one angle to the next: 3 of 100 people."""


def curves(figures: Figures) -> None:
    with TemporaryDirectory() as folder:
        command("hog-curves", "--faces", "100", "--out", folder)
        rows = _rows(Path(folder, "hog.csv"))
        for axis in ("roll", "yaw"):
            recall = [float(row["recall"]) for row in rows if row["axis"] == axis and row["mask"] == "none"]
            rises = max(after - before for before, after in pairwise(recall))
            figures.at_least(f"HOG, frontal recall ({axis} curve)", recall[0], 0.85, recall=recall)
            figures.at_most(f"HOG, largest rise of recall along {axis}", rises, LOST_AT_RANDOM)
        command("haar-sweep", "--portraits", "400", "--out", folder)
        rates = _rows(Path(folder, "sweep.csv"))
    by_factor: dict[tuple[str, str], list[float]] = {}
    by_neighbours: dict[tuple[str, str], list[float]] = {}
    for row in rates:
        by_factor.setdefault((row["min_size"], row["scale_factor"]), []).append(float(row["keep_rate"]))
        by_neighbours.setdefault((row["min_size"], row["min_neighbours"]), []).append(float(row["keep_rate"]))
    for what, groups in (("least neighbours", by_factor), ("scale factor", by_neighbours)):
        rising = sum(group != sorted(group, reverse=True) for group in groups.values())
        figures.equal(f"Haar: curves that rise with the {what}", rising, 0, keep_rates=[*groups.values()])


def _rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def cards(figures: Figures) -> None:
    """Faces of rendered cards, stored in four orientations: what is found against the outline of the face."""
    rendered = [render_card(seed) for seed in range(CARDS)]
    jpegs = [oriented_jpeg(card.pixels, (1, 3, 6, 8)[seed % 4]) for seed, card in enumerate(rendered)]
    with server_process("services.detector") as server, Imago(server.grpc_address) as imago:
        for options in CARD_OPTIONS:
            overlaps = []
            for card, jpeg in zip(rendered, jpegs, strict=True):
                answer = imago.detect_faces(jpeg, **options)
                boxes = [(each.box.x_min, each.box.y_min, each.box.x_max, each.box.y_max) for each in answer.detections]
                overlap = iou_matrix(np.array(boxes, float).reshape(-1, 4), np.array(card.boxes))
                overlaps.append(float(overlap.max(initial=0)))
            share = sum(overlap >= ENOUGH for overlap in overlaps) / CARDS
            facts = {"faces_found": sum(overlap > 0 for overlap in overlaps), "share_at_least_0.6": share}
            figures.at_least(
                f"{options['model']}, {CARDS} identity cards, median IoU of the face", median(overlaps), ENOUGH, **facts
            )
        other: tuple[tuple[Faces, int], ...] = (("none", 0), ("several", 2))
        for faces, wanted in other:
            answer = imago.detect_faces(oriented_jpeg(render_card(1, faces=faces).pixels, 1))
            figures.equal(f"faces answered for a card with {faces}", len(answer.detections), wanted)


def speed(figures: Figures) -> None:
    """Milliseconds a photograph of 1280x720, one request at a time, transport included."""
    with server_process("services.detector") as server, Imago(server.grpc_address) as imago:
        for model, times in (("face_hog", 15), ("face_haar", 15), ("face_mmod", 3)):
            took = []
            for _ in range(times + 1):
                start = time.monotonic()
                imago.detect_faces(zidane(), model=model)
                took.append((time.monotonic() - start) * 1000)
            figures.measured(f"{model}, ms an image of 1280x720", round(median(took[1:]), 1))
