"""Identity cards on a desk, photographed at an angle: a known face, or none, or several, for crops and their errors."""

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.render.camera import Camera, photograph
from training.render.canvas import Paint, Points, blank, fill, smooth_path, stroke
from training.render.faces import Edges, PaintedFace, Place, paint_person
from training.render.head import Light
from training.render.identity import identity
from training.render.look import Look
from training.render.materials import Colour, Field, Random, colour, fractal_noise, grain, planks, vertical_gradient

Faces = Literal["one", "none", "several"]

_WIDTH, _HEIGHT = 1024, 646
"""Pixels of a card before it is photographed: 85.6 mm x 54 mm, as ISO/IEC 7810 has it."""
_CORNER = 38
_PHOTO = (64, 150, 344, 510)
_SECOND_PHOTO = (740, 330, 940, 588)
"""Left, top, right and bottom of the portraits in pixels of the card."""
_NAMES = ("MARA LINDQVIST", "TOMAS OKAFOR", "ELENA HARADA", "IDRIS MOREAU", "NINA KOWALCZYK", "SAMIR ROSSI")
_TITLES = ("IDENTITY CARD", "WORKER CERTIFICATE", "SERVICE PASS", "DRIVING LICENCE")
_LARGEST_TURN = np.deg2rad(15)
_DISTANCE = 2.6
"""Of the camera, in widths of the card."""
_ORIENTED: dict[int, int] = {1: 0, 6: 1, 3: 2, 8: 3}
"""EXIF's orientations without mirroring: quarter turns counter-clockwise from upright to what is stored."""


@dataclass(frozen=True, slots=True)
class RenderedCard:
    """A photograph of a card.

    Attributes:
        pixels: uint8 height x width x 3, red, green and blue.
        boxes: outline of each face in the photograph, x_min, y_min, x_max, y_max, continuous; the largest first.
        landmarks: of each face 5 x 2, dlib's order.
        corners: of the card, 4 x 2: upper left, upper right, lower right, lower left, as one reads the card.
    """

    pixels: NDArray[np.uint8]
    boxes: tuple[Edges, ...]
    landmarks: tuple[Points, ...]
    corners: Points


def render_card(seed: int, *, faces: Faces = "one", width: int = 960, height: int = 720) -> RenderedCard:
    """The card of a seed, turned by up to 15 degrees about each of three axes.

    Args:
        seed: 0 or more.
        faces: "one" portrait, "none" (an empty frame), or "several" (a second, smaller one).
        width: of the photograph in pixels.
        height: of the photograph in pixels.
    """
    rng = np.random.default_rng((seed, 0x1DCA))
    card, painted = _card(rng, faces)
    desk = _desk(rng, height, width)
    homography = _pose(rng, width, height)
    picture = _laid(desk, card, homography)
    above, below = (np.asarray(rng.uniform(0.85, 1.1, 3), np.float32) for _ in range(2))
    light = vertical_gradient(above, below, height, width)
    camera = Camera(gamma=float(rng.uniform(0.9, 1.15)), blur=float(rng.uniform(0.3, 0.7)), noise=0.006, quality=92)
    outlines = [_warped(homography, face.outline) for face in painted]
    boxes = tuple(_bounds(outline) for outline in outlines)
    landmarks = tuple(_warped(homography, face.landmarks) for face in painted)
    corners = np.array(((0, 0), (_WIDTH, 0), (_WIDTH, _HEIGHT), (0, _HEIGHT)), float)
    pixels = photograph(np.asarray(picture * light, np.float32), camera, rng)
    return RenderedCard(pixels, boxes, landmarks, _warped(homography, corners))


def oriented_jpeg(pixels: NDArray[np.uint8], orientation: int, quality: int = 92) -> bytes:
    """A JPEG file whose stored pixels are turned, and whose EXIF orientation turns them upright again.

    Args:
        pixels: the upright picture, uint8 height x width x 3, red, green and blue.
        orientation: 1 (upright), 3, 6 or 8, as in EXIF's tag 0x0112.
        quality: JPEG quality, 1..100.

    Raises:
        ValueError: an orientation other than those.
    """
    if orientation not in _ORIENTED:
        raise ValueError(f"orientation {orientation}: must be one of {', '.join(map(str, sorted(_ORIENTED)))}")
    stored = np.ascontiguousarray(np.rot90(pixels, _ORIENTED[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(stored).save(file, "JPEG", quality=quality, exif=exif)
    return file.getvalue()


def _card(rng: Random, faces: Faces) -> tuple[Field, list[PaintedFace]]:
    """The flat card, height x width x 4 with its cover, and the faces on it."""
    tint = np.asarray(rng.uniform(0.6, 0.85) + 0.12 * rng.uniform(-1, 1, 3), np.float32)
    front = vertical_gradient(tint, np.asarray(tint * rng.uniform(0.85, 1.1, 3), np.float32), _HEIGHT, _WIDTH)
    _guilloche(rng, front, tint)
    dark = np.asarray(tint * rng.uniform(0.1, 0.5, 3), np.float32)
    fill(front, _rectangle(0, 0, _WIDTH, 104), Paint(dark))
    _write(front, str(rng.choice(_TITLES)), (48, 70), 1.5, tint * np.float32(1.1))
    _lines(rng, front)
    _barcode(rng, front)
    painted = [] if faces == "none" else [_portrait(rng, front, _PHOTO)]
    if faces == "none":
        _empty_frame(front)
    if faces == "several":
        painted.append(_portrait(rng, front, _SECOND_PHOTO))
    card = blank(_HEIGHT, _WIDTH, 4)
    card[..., :3], card[..., 3] = front, _rounded_cover()
    card[..., :3] *= card[..., 3:]
    return card, painted


def _rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array(((left, top), (right, top), (right, bottom), (left, bottom)), float)


def _rounded_cover() -> Field:
    """1 on the card, 0 beyond its round corners: height x width."""
    mask = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    low, right, bottom = _CORNER, _WIDTH - 1 - _CORNER, _HEIGHT - 1 - _CORNER
    cv2.rectangle(mask, (low, 0), (right, _HEIGHT), 255, -1)
    cv2.rectangle(mask, (0, low), (_WIDTH, bottom), 255, -1)
    for centre in ((low, low), (right, low), (low, bottom), (right, bottom)):
        cv2.circle(mask, centre, _CORNER, 255, -1, cv2.LINE_AA)
    return mask.astype(np.float32) / np.float32(255)


def _guilloche(rng: Random, front: Field, tint: Colour) -> None:
    """Bundles of fine waves, as on banknotes."""
    x = np.linspace(0, _WIDTH, 160)
    for _ in range(2):
        ink = Paint(tint * np.asarray(rng.uniform(0.55, 0.9, 3), np.float32), 0.7, 0.55)
        period, phase, middle = rng.uniform(120, 400), rng.uniform(0, 6), rng.uniform(200, 520)
        for number in range(14):
            sway = 60 * np.sin(2 * np.pi * x / period + phase + 0.16 * number)
            y = middle + sway * np.cos(0.22 * number) + 9 * number - 60
            stroke(front, np.stack((x, y), axis=1), 1.2, ink)


def _write(front: Field, text: str, origin: tuple[int, int], scale: float, ink: Colour) -> None:
    """One line of text, `origin` being the left end of its base line."""
    mask = np.zeros(front.shape[:2], np.uint8)
    cv2.putText(mask, text, origin, cv2.FONT_HERSHEY_DUPLEX, scale, 255, max(1, round(1.6 * scale)), cv2.LINE_AA)
    cover = mask.astype(np.float32)[..., None] / np.float32(255)
    front += (np.minimum(ink, 1) - front) * cover


def _lines(rng: Random, front: Field) -> None:
    """Name, dates and number, and a signature."""
    ink = colour(0.1, 0.1, 0.13)
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(1950, 2004)
    number = "".join(rng.choice(list("0123456789ABCDEFGHJKLMNP"), 9))
    rows = (
        ("NAME", str(rng.choice(_NAMES))),
        ("BORN", f"{day:02d}.{month:02d}.{year}"),
        ("NUMBER", number),
        ("VALID", f"{month:02d}.{2026 + rng.integers(1, 9)}"),
    )
    for row, (label, value) in enumerate(rows):
        y = 180 + 76 * row
        _write(front, label, (392, y), 0.55, ink * np.float32(3))
        _write(front, value, (392, y + 34), 0.95, ink)
    knots = np.stack((np.linspace(396, 640, 12), 500 + rng.normal(0, 14, 12)), axis=1)
    stroke(front, smooth_path(knots, closed=False, steps=10), 2.5, Paint(colour(0.1, 0.12, 0.4), 0.7))


def _barcode(rng: Random, front: Field) -> None:
    """Stripes along the lower edge."""
    x = 392.0
    while x < 700:
        wide = float(rng.integers(2, 7))
        fill(front, _rectangle(x, 548, x + wide, 612), Paint(colour(0.05, 0.05, 0.06), 0.5))
        x += wide + float(rng.integers(2, 8))


def _portrait(rng: Random, front: Field, frame: tuple[int, int, int, int]) -> PaintedFace:
    """A passport photograph in its frame; the face it shows, in pixels of the card."""
    left, top, right, bottom = frame
    photo = np.ones((bottom - top, right - left, 3), np.float32) * np.asarray(rng.uniform(0.7, 0.95, 3), np.float32)
    look = Look(yaw=float(rng.normal(0, 0.06)), smile=float(rng.uniform(-0.1, 0.4)), wear=int(rng.integers(1 << 31)))
    size = 0.60 * (bottom - top)
    place = Place((right - left) / 2, 0.46 * (bottom - top), size)
    light = Light(across=float(rng.uniform(-0.4, 0.4)), contrast=0.35)
    face = paint_person(photo, identity(int(rng.integers(1 << 31))), look, place, light)
    front[top:bottom, left:right] = photo
    around = _rectangle(*frame)
    stroke(front, np.concatenate((around, around[:1])), 2, Paint(colour(0.95, 0.95, 0.95)))
    shift = np.array((left, top))
    box = (face.box[0] + left, face.box[1] + top, face.box[2] + left, face.box[3] + top)
    return PaintedFace(box, face.landmarks + shift, face.outline + shift)


def _empty_frame(front: Field) -> None:
    """A frame without a photograph, crossed out."""
    left, top, right, bottom = _PHOTO
    fill(front, _rectangle(*_PHOTO), Paint(colour(0.78, 0.78, 0.78)))
    for ends in (((left, top), (right, bottom)), ((right, top), (left, bottom))):
        stroke(front, np.array(ends, float), 3, Paint(colour(0.5, 0.5, 0.5)))


def _desk(rng: Random, height: int, width: int) -> Field:
    """A table of wood, laminate or cloth."""
    wood = colour(0.5, 0.34, 0.2) if rng.random() < 0.5 else colour(0.62, 0.6, 0.57)
    tint = wood * np.float32(rng.uniform(0.4, 1.2))
    pattern = planks(rng, height, width, 160) if rng.random() < 0.5 else 1 + 0.03 * grain(rng, height, width)
    clouds = 1 + np.float32(0.04) * fractal_noise(rng, height, width, (40, 160))
    return np.asarray(tint * (pattern * clouds)[..., None], np.float32)


def _pose(rng: Random, width: int, height: int) -> NDArray[np.float64]:
    """3 x 3: from pixels of the card to pixels of the photograph, through a pinhole camera."""
    about_x, about_y, about_z = rng.uniform(-_LARGEST_TURN, _LARGEST_TURN, 3)
    rotation, _ = cv2.Rodrigues(np.array((about_x, about_y, 0.0)))
    spin, _ = cv2.Rodrigues(np.array((0.0, 0.0, about_z)))
    centred = np.array(((1 / _WIDTH, 0, -0.5), (0, 1 / _WIDTH, -_HEIGHT / _WIDTH / 2), (0, 0, 1)))
    plane = np.column_stack(((spin @ rotation)[:, :2], (0, 0, _DISTANCE)))
    fits = min(width, height * _WIDTH / _HEIGHT) * rng.uniform(0.62, 0.74)
    focal = fits * _DISTANCE
    shift = rng.uniform(-0.03, 0.03, 2) * (width, height)
    lens = np.array(((focal, 0, width / 2 + shift[0]), (0, focal, height / 2 + shift[1]), (0, 0, 1)))
    return np.asarray(lens @ plane @ centred)


def _laid(desk: Field, card: Field, homography: NDArray[np.float64]) -> Field:
    """The card on the desk, with its shadow."""
    height, width = desk.shape[:2]
    # OpenCV puts pixel centres at whole numbers.
    centres = np.array(((1, 0, -0.5), (0, 1, -0.5), (0, 0, 1)))
    matrix = centres @ homography @ np.linalg.inv(centres)
    # The card is larger than in the photograph: blurred first, so that fine lines do not alias.
    fine = cv2.GaussianBlur(np.ascontiguousarray(card), (0, 0), max(0.3, 0.4 / _scale(homography)))
    warped = np.asarray(cv2.warpPerspective(fine, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    shadow = np.roll(cv2.GaussianBlur(warped[..., 3], (0, 0), 9), (8, 6), (0, 1))
    return desk * (1 - 0.5 * shadow[..., None]) * (1 - warped[..., 3:]) + warped[..., :3]


def _scale(homography: NDArray[np.float64]) -> float:
    """Pixels of the photograph for one of the card, along its upper edge."""
    ends = _warped(homography, np.array(((0, 0), (_WIDTH, 0)), float))
    return float(np.linalg.norm(ends[1] - ends[0]) / _WIDTH)


def _warped(homography: NDArray[np.float64], points: Points) -> Points:
    """Points of the card, n x 2, in the photograph."""
    homogeneous = np.column_stack((points, np.ones(len(points)))) @ homography.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])


def _bounds(outline: Points) -> Edges:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
