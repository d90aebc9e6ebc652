"""Pure functions on arrays: what a model gets to see, which of its boxes count, where they lie, how faces are cut.

Positions are continuous edges, as in the contract. Nothing here knows a message or an engine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.options import CropOptions
from services.runtime.errors import InvalidInput
from services.runtime.geometry import Letterbox, align_face, clip_boxes, letterbox, nms
from services.runtime.images import DecodedImage, Pixels, encode_jpeg
from services.runtime.model import Tensor, Tensors
from services.runtime.typed import to_original

MAX_CROP_PIXELS = 50_000_000
"""Of all crops of one answer together: a cascade told to keep every hit finds thousands of faces in one image."""


IOU_OF_LABELS = 0.6
"""Boxes of exclusive labels that overlap by more are one thing that a model is in two minds about."""
MOST_CANDIDATES = 4096
"""Candidates of one image that are compared with each other, best first: a threshold of 0 lets all of them in."""


@dataclass(frozen=True, slots=True)
class LetterboxedImage:
    """An image as a detector of objects sees it.

    Attributes:
        pixels: uint8, height x width x 3, RGB: the letterbox.
        placement: how the upright original lies in it.
        width: of the upright original, in pixels.
        height: of the upright original, in pixels.
    """

    pixels: Pixels
    placement: Letterbox
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidates count.

    Attributes:
        least_score: that counts.
        iou_threshold: the greatest overlap of two boxes of a label.
        limit: most of them.
        labels: columns of the scores; empty for all.
        one_label: whether boxes of different labels that overlap by more than `IOU_OF_LABELS` are one thing.
    """

    least_score: float
    iou_threshold: float
    limit: int
    labels: tuple[int, ...]
    one_label: bool = False


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one image, best first.

    Attributes:
        boxes: float32 (n, 4): x_min, y_min, x_max, y_max.
        scores: float32 (n).
        labels: int64 (n): columns of the model's scores.
        track_ids: int64 (n), from 1; 0 where nothing is tracked.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    track_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boxes)

    def where(self, kept: NDArray[Any]) -> "Objects":
        """Those of a mask, or of indices in their order."""
        return Objects(self.boxes[kept], self.scores[kept], self.labels[kept], self.track_ids[kept])


def letterboxed(image: DecodedImage, width: int, height: int) -> LetterboxedImage:
    """Fit an image into width x height pixels; positions then map between the letterbox and the upright original."""
    pixels, inner = letterbox(image.pixels, width, height)
    rows, columns = image.pixels.shape[:2]
    placement = replace(
        inner, scale_x=inner.scale_x * columns / image.width, scale_y=inner.scale_y * rows / image.height
    )
    return LetterboxedImage(pixels, placement, image.width, image.height)


def choose_objects(boxes: Tensor, scores: Tensor, choice: Choice) -> Objects:
    """The candidates that count, after suppression within each label, or of all labels; still in the letterbox.

    A candidate counts once for every label whose score it reaches. NaN reaches nothing, and boxes that are not finite
    are left out.

    Args:
        boxes: float32 (a, 4).
        scores: float32 (a, labels).
        choice: what counts.
    """
    # Ten times as fast as `nonzero` of the matrix, which is most of the work where few of 80 labels' scores count.
    places = np.flatnonzero(scores >= choice.least_score)
    if choice.labels:
        places = places[np.isin(places % scores.shape[1], choice.labels)]
    reached = scores.ravel()[places]
    if len(places) > MOST_CANDIDATES:
        best = np.argpartition(reached, -MOST_CANDIDATES)[-MOST_CANDIDATES:]
        places, reached = places[best], reached[best]
    rows, labels = np.divmod(places, scores.shape[1])
    found = Objects(boxes[rows], reached, labels, np.zeros(len(rows), np.int64))
    found = found.where(np.flatnonzero(np.isfinite(found.boxes).all(axis=1)))
    limit = len(found) if choice.one_label else choice.limit
    found = found.where(nms(found.boxes, found.scores, found.labels, iou_threshold=choice.iou_threshold, limit=limit))
    if not choice.one_label:
        return found
    same = np.zeros(len(found), np.int64)
    return found.where(nms(found.boxes, found.scores, same, iou_threshold=IOU_OF_LABELS, limit=choice.limit))


def objects_in_original(objects: Objects, image: LetterboxedImage) -> Objects:
    """Objects of the letterbox in the upright original, cut at its edges; what lies beside the image is left out."""
    moved = clip_boxes(image.placement.to_original(objects.boxes), image.width, image.height).astype(np.float32)
    inside = np.flatnonzero((moved[:, :2] < moved[:, 2:]).all(axis=1))
    return replace(objects, boxes=moved).where(inside)


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one image, best first.

    Attributes:
        boxes: float32 (n, 4): x_min, y_min, x_max, y_max.
        scores: float32 (n).
        landmarks: float32 (n, 5, 2): x, y; None until they are found.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes)


def choose_faces(outputs: Tensors, least_score: float, *, largest_only: bool) -> Faces:
    """The faces of a model's BOXES and SCORES that count: by descending score, equal scores by descending area."""
    boxes, scores = outputs["BOXES"], outputs["SCORES"]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.lexsort((-areas, -scores))
    order = order[scores[order] >= least_score]
    if largest_only and len(order):
        order = order[[np.argmax(areas[order])]]
    return Faces(boxes[order], scores[order])


def faces_in_original(faces: Faces, image: DecodedImage) -> Faces:
    """Faces of the decoded pixels in the upright original. Boxes end at its edges: detectors look beyond them."""
    boxes = to_original(faces.boxes.reshape(-1, 2, 2), image).reshape(-1, 4)
    inside = clip_boxes(boxes, image.width, image.height).astype(np.float32)
    landmarks = None if faces.landmarks is None else to_original(faces.landmarks, image)
    return replace(faces, boxes=inside, landmarks=landmarks)


def cut_faces(pixels: Pixels, faces: Faces, options: CropOptions) -> list[bytes]:
    """A JPEG of each face, in order. `faces` lie in `pixels`, with landmarks where the crops are aligned.

    Raises:
        InvalidInput: so many or so large crops that the answer would be too large.
    """
    regions = _grown(faces.boxes, options)
    _check_amount(pixels, regions, options.side)
    cuts: Iterator[Pixels]
    if options.aligned and faces.landmarks is not None:
        cuts = (align_face(pixels, points, options.side, padding=options.margin) for points in faces.landmarks)
    elif options.side:
        cuts = (_square(pixels, region, options.side) for region in regions)
    else:
        cuts = (_inside(pixels, region) for region in regions)
    return [encode_jpeg(cut, options.quality) for cut in cuts]


def _grown(boxes: NDArray[np.float32], options: CropOptions) -> NDArray[np.float32]:
    """Boxes (n, 4) with the margin around them, made square where the crop is to be a square."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(axis=1, keepdims=True)
    reach = (longer if options.side else sides) / 2 + options.margin * longer
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.hstack((centre - reach, centre + reach))


def _check_amount(pixels: Pixels, regions: NDArray[np.float32], side: int) -> None:
    shown = clip_boxes(regions, pixels.shape[1], pixels.shape[0])
    areas = (shown[:, 2] - shown[:, 0]) * (shown[:, 3] - shown[:, 1])
    total = len(regions) * side**2 or round(areas.sum())
    if total > MAX_CROP_PIXELS:
        raise InvalidInput(
            f"crops of {len(regions)} faces have {total} pixels, at most {MAX_CROP_PIXELS} are cut; "
            "ask for a smaller crops.size, a higher score_threshold or largest_only",
            field="crops",
        )


def _inside(pixels: Pixels, region: NDArray[np.float32]) -> Pixels:
    """What the image shows of a region, to whole pixels outwards; at least one pixel."""
    height, width = pixels.shape[:2]
    left, top = min(max(0, floor(region[0])), width - 1), min(max(0, floor(region[1])), height - 1)
    return pixels[top : max(top + 1, ceil(region[3])), left : max(left + 1, ceil(region[2]))]


def _square(pixels: Pixels, region: NDArray[np.float32], side: int) -> Pixels:
    """A square region scaled to side x side pixels, black where it leaves the image."""
    scale = side / float(region[2] - region[0])
    part = _inside(pixels, region)
    left, top = (min(side - 1, max(0, round(-float(edge) * scale))) for edge in region[:2])
    width = min(side - left, max(1, round(part.shape[1] * scale)))
    height = min(side - top, max(1, round(part.shape[0] * scale)))
    square = np.zeros((side, side, 3), np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[top : top + height, left : left + width] = cv2.resize(part, (width, height), interpolation=interpolation)
    return square
