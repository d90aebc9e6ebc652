"""Boxes, points and the pixels around them: letterbox, overlap, suppression, crops and aligned faces.

Pure functions on arrays. Positions are continuous, as in the contract: the left and top edges of an image are 0, its
first pixel's centre is (0.5, 0.5). A box is x_min, y_min, x_max, y_max, the last two exclusive. Nothing here knows a
model or a message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.runtime.errors import InvalidInput

Pixels = NDArray[np.uint8]
"""Height x width x 3."""

Positions = NDArray[np.floating[Any]]
"""Any shape whose last axis alternates x and y: points (.., 2), boxes (.., 4). Finite."""

DLIB5_TEMPLATE = np.array(
    (
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    )
)
"""Where dlib's mean face has its five points, as shares of the face's square.

The order is that of dlib's 5-point predictor, left and right as seen in the image: 0 outer and 1 inner corner of the
right eye, 2 outer and 3 inner corner of the left eye, 4 base of the nose. (The right eye in the image is the person's
left.)
"""

_MOST_PAIRED = 128  # boxes of which every pair is compared at once, which is faster for so few
_FARTHEST = 1e6  # no image is that wide; keeps sums of squares finite
_MOST_CROP_GROWTH = 4  # a box may be a client's: a crop never has more than four times the image's pixels


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How an image lies inside a letterbox: position = original position * scale + offset, on each axis."""

    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_letterbox(self, positions: Positions) -> NDArray[np.float64]:
        """Points or boxes of the original image, in pixels of the letterbox."""
        moved = _pairs(positions) * (self.scale_x, self.scale_y) + (self.left, self.top)
        return np.asarray(moved.reshape(positions.shape))

    def to_original(self, positions: Positions) -> NDArray[np.float64]:
        """Points or boxes of the letterbox, in pixels of the original image; not clipped to it."""
        moved = (_pairs(positions) - (self.left, self.top)) / (self.scale_x, self.scale_y)
        return np.asarray(moved.reshape(positions.shape))


def _pairs(positions: Positions) -> NDArray[np.float64]:
    return np.asarray(positions, np.float64).reshape(-1, 2)


def letterbox(
    pixels: Pixels, width: int, height: int, *, fill: int = 114, interpolation: int = cv2.INTER_LINEAR
) -> tuple[Pixels, Letterbox]:
    """Fit an image into width x height pixels, its proportions kept, centred, with the rest filled.

    The defaults (grey 114, bilinear) are those that YOLO models are trained with. Sides are rounded to whole pixels,
    which is why the mapping has a scale for each axis.
    """
    old_height, old_width = pixels.shape[:2]
    scale = min(width / old_width, height / old_height)
    inner = (max(1, round(old_width * scale)), max(1, round(old_height * scale)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    boxed = np.full((height, width, 3), fill, np.uint8)
    resized = pixels if inner == (old_width, old_height) else cv2.resize(pixels, inner, interpolation=interpolation)
    boxed[top : top + inner[1], left : left + inner[0]] = resized
    return boxed, Letterbox(inner[0] / old_width, inner[1] / old_height, left, top)


def scale_boxes(boxes: Positions, factor_x: float, factor_y: float) -> NDArray[np.float64]:
    """Boxes (N x 4) of an image whose sides become `factor_x` and `factor_y` times as long."""
    return np.asarray(boxes, np.float64) * (factor_x, factor_y, factor_x, factor_y)


def clip_boxes(boxes: Positions, width: int, height: int) -> NDArray[np.float64]:
    """The parts of boxes (N x 4) inside a width x height image; a box outside it becomes empty, on its border."""
    return np.clip(np.asarray(boxes, np.float64), 0, (width, height, width, height))


def iou_matrix(first: Positions, second: Positions) -> NDArray[np.float64]:
    """Intersection over union, 0..1, of every box of `first` (N x 4) with every box of `second` (M x 4): N x M.

    An empty box overlaps nothing, not even itself.
    """
    a, b = np.asarray(first, np.float64)[:, np.newaxis], np.asarray(second, np.float64)[np.newaxis]
    shared = _area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _area(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def nms(
    boxes: Positions, scores: NDArray[Any], labels: NDArray[Any], *, iou_threshold: float, limit: int = 300
) -> NDArray[np.int64]:
    """Greedy non-maximum suppression within each label.

    Args:
        boxes: N x 4.
        scores: N, any range; the higher of two boxes survives, the earlier one of equals.
        labels: N; boxes of different labels never suppress each other.
        iou_threshold: a box that overlaps a better one by more is dropped.
        limit: most boxes returned, best first.

    Returns:
        Indices of the survivors, int64, by falling score.
    """
    ranking = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    ranked, kinds = np.asarray(boxes, np.float64)[ranking], np.asarray(labels)[ranking]
    places: list[int] = []
    if len(ranking) <= _MOST_PAIRED:
        places.extend(_unhidden(ranked, kinds, iou_threshold))
    else:
        for kind in np.unique(kinds):
            places.extend(_survivors(ranked, np.flatnonzero(kinds == kind), iou_threshold, limit))
    return np.asarray(ranking[np.sort(np.array(places, np.int64))[:limit]], np.int64)


def _unhidden(ranked: NDArray[np.float64], kinds: NDArray[Any], threshold: float) -> Iterator[int]:
    """The places of boxes that overlap none of the better ones of their label that survive; every pair at once."""
    low, high = ranked[:, np.newaxis, :2], ranked[:, np.newaxis, 2:]
    shared = _area(np.maximum(low, ranked[:, :2]), np.minimum(high, ranked[:, 2:]))
    areas = _area(ranked[:, :2], ranked[:, 2:])
    # Multiplied out, so that empty boxes divide nothing.
    hides = (shared > threshold * (areas[:, np.newaxis] + areas - shared)) & (kinds[:, np.newaxis] == kinds)
    hidden = np.zeros(len(ranked), np.bool_)
    for place, hidden_by_it in enumerate(hides):
        if not hidden[place]:
            yield place
            hidden |= hidden_by_it


def _survivors(ranked: NDArray[np.float64], places: NDArray[np.int64], threshold: float, limit: int) -> Iterator[int]:
    """The places of one label whose boxes overlap none of the better ones that survive."""
    low, high = np.ascontiguousarray(ranked[places, :2].T), np.ascontiguousarray(ranked[places, 2:].T)
    areas = np.maximum(high - low, 0).prod(0)
    for _ in range(limit):
        if not places.size:
            return
        yield int(places[0])
        sides = np.minimum(high, high[:, :1]) - np.maximum(low, low[:, :1])
        shared = np.maximum(sides[0], 0) * np.maximum(sides[1], 0)
        # Multiplied out, so that empty boxes divide nothing.
        apart = shared <= threshold * (areas + areas[0] - shared)
        apart[0] = False
        places, low, high, areas = places[apart], low[:, apart], high[:, apart], areas[apart]


def crop(pixels: Pixels, box: Sequence[float], *, margin: float = 0.0, fill: int = 0) -> Pixels:
    """A copy of what a box shows, grown on each side by `margin` times its width or height, to whole pixels outwards.

    What lies outside the image is filled.

    Raises:
        InvalidInput: with field "box": not finite, empty, beside the image, or far larger than it.
    """
    height, width = pixels.shape[:2]
    if not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
        raise InvalidInput(f"box {_text(box)} is empty or not finite", field="box")
    if box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
        raise InvalidInput(f"box {_text(box)} lies beside the image of {width}x{height} pixels", field="box")
    grow_x, grow_y = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    left, top = floor(box[0] - grow_x), floor(box[1] - grow_y)
    right, bottom = ceil(box[2] + grow_x), ceil(box[3] + grow_y)
    if (right - left) * (bottom - top) > _MOST_CROP_GROWTH * max(width * height, 1024):
        needed = f"a crop of {right - left:g}x{bottom - top:g} pixels"
        raise InvalidInput(f"box {_text(box)} needs {needed} from an image of {width}x{height}", field="box")
    cut = np.full((bottom - top, right - left, 3), fill, np.uint8)
    inside = pixels[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    row, column = max(0, -top), max(0, -left)
    cut[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return cut


def _text(box: Sequence[float]) -> str:
    return "(" + ", ".join(f"{edge:g}" for edge in box) + ")"


def align_face(pixels: Pixels, landmarks: Positions, size: int, *, padding: float = 0.25, fill: int = 0) -> Pixels:
    """A size x size picture of a face turned upright, scaled so that its points meet dlib's mean face.

    Rotation, scale and shift are the least-squares similarity to `DLIB5_TEMPLATE` (Umeyama 1991, without reflection).
    A larger face is reduced by area first, so that it does not alias.

    Args:
        pixels: uint8, height x width x 3.
        landmarks: 5 x 2, in the order of `DLIB5_TEMPLATE`.
        size: side of the result in pixels.
        padding: room around the face's square on each side, as a share of it.
        fill: grey value, 0..255, of what lies outside the image.

    Raises:
        InvalidInput: with field "landmarks": another shape, not finite, all in one place, or far from the image.
    """
    if landmarks.shape != (5, 2) or not (np.abs(landmarks) < _FARTHEST).all():
        sentence = f"landmarks have shape {landmarks.shape}; 5 points nearer than {_FARTHEST:g} pixels are needed"
        raise InvalidInput(sentence, field="landmarks")
    linear, shift = _similarity(landmarks, (DLIB5_TEMPLATE + padding) / (1 + 2 * padding) * size)
    scale = float(np.hypot(linear[0, 0], linear[1, 0]))
    corners = (np.array(((0, 0), (size, 0), (0, size), (size, size))) - shift) @ np.linalg.inv(linear).T
    origin, region = _around(pixels, corners, 2 / min(scale, 1))
    height, width = region.shape[:2]
    if scale < 1:
        smaller = max(1, round(width * scale)), max(1, round(height * scale))
        region = np.asarray(cv2.resize(region, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    linear_region = linear / (region.shape[1] / width, region.shape[0] / height)
    # OpenCV puts pixel centres at whole numbers.
    offset = linear @ origin + shift + linear_region @ (0.5, 0.5) - 0.5
    matrix = np.column_stack((linear_region, offset))
    return np.asarray(cv2.warpAffine(region, matrix, (size, size), borderValue=(fill, fill, fill)), np.uint8)


def _similarity(source: Positions, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 2 x 2 matrix and shift that bring `source` nearest to `target` by turning, scaling and moving."""
    points = np.asarray(source, np.float64)
    centre, target_centre = points.mean(0), target.mean(0)
    z, w = (points - centre) @ (1, 1j), (target - target_centre) @ (1, 1j)
    spread = float((np.abs(z) ** 2).sum())
    turn = complex(z.conj() @ w) / spread if spread > 0 else 0j
    if abs(turn) < 1e-6:
        raise InvalidInput("landmarks lie in one place or form no face", field="landmarks")
    linear = np.array(((turn.real, -turn.imag), (turn.imag, turn.real)))
    return linear, target_centre - linear @ centre


def _around(pixels: Pixels, corners: NDArray[np.float64], margin: float) -> tuple[NDArray[np.float64], Pixels]:
    """The part of the image around `corners`, and its upper left corner; OpenCV cannot warp sides above 32,766."""
    sides = np.array(pixels.shape[1::-1])
    low = np.clip(np.floor(corners.min(0) - margin), 0, sides).astype(int)
    high = np.clip(np.ceil(corners.max(0) + margin), 0, sides).astype(int)
    if (low >= high).any():
        raise InvalidInput(f"landmarks lie far from the image of {sides[0]}x{sides[1]} pixels", field="landmarks")
    return low.astype(np.float64), pixels[low[1] : high[1], low[0] : high[0]]
