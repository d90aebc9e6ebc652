"""Pure functions between a face model's outputs and the answer: which faces count, where they lie, how they are cut.

Positions are continuous edges, as in the contract. Nothing here knows a message or an engine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.options import CropOptions
from services.runtime.errors import InvalidInput
from services.runtime.geometry import align_face, clip_boxes
from services.runtime.images import DecodedImage, Pixels, encode_jpeg
from services.runtime.model import Tensors
from services.runtime.typed import to_original

MAX_CROP_PIXELS = 50_000_000
"""Of all crops of one answer together: a cascade told to keep every hit finds thousands of faces in one image."""


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


def in_original(faces: Faces, image: DecodedImage) -> Faces:
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
