"""Draws what was found into the picture it was found in. Decides nothing about what is worth drawing."""

import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from PIL import Image, ImageDraw, ImageFont, ImageOps

from imago.v1.image_pb2 import Detection

SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}

# Bright enough to be seen on any photograph beside their dark edge, and apart for every kind of colour vision.
LABEL_COLOURS = {
    "face": "#5ec8ff",
    "with_mask": "#3ddc97",
    "without_mask": "#ff5d5d",
    "mask_weared_incorrect": "#ffb000",
}
OTHER_COLOURS = ["#5ec8ff", "#f4e04d", "#ff8fc7", "#b39cff", "#3ddc97", "#ffb000", "#d7f75b", "#ff9d76"]
EDGE = "#101418"
ALERT, ON_ALERT = "#c81e1e", "#ffffff"

Rectangle = tuple[int, int, int, int]
"""Left, top, right and bottom, all of them pixels of the rectangle."""


def annotate(picture: bytes, detections: Sequence[Detection]) -> Image.Image:
    """The upright picture, marked.

    Args:
        picture: A JPEG, PNG or WebP file.
        detections: In pixels of the upright picture, as the services answer.

    Raises:
        OSError: Pillow cannot open the picture.
    """
    image = upright(picture)
    mark(image, detections)
    return image


def upright(picture: bytes) -> Image.Image:
    """A JPEG, PNG or WebP file as the services see it: upright, in RGB. Raises OSError where Pillow cannot open it."""
    with Image.open(io.BytesIO(picture)) as opened:
        return _opaque(ImageOps.exif_transpose(opened))


def mark(image: Image.Image, detections: Sequence[Detection], alerts: Sequence[str] = ()) -> None:
    """Draws each detection's box, landmarks and tag into an RGB image, and alerts as a banner at its top.

    A tag names track, label and score. Of two tags that would lie on each other the better detection's keeps its place.
    """
    pen = _Pen(image)
    boxes = [pen.corners(detection) for detection in detections]
    # The best comes first and is drawn last, on top.
    for detection, box in reversed(list(zip(detections, boxes, strict=True))):
        pen.box(box, colour_of(detection.label))
        pen.dots(((point.x, point.y) for point in detection.landmarks.points), colour_of(detection.label))
    taken = [pen.banner(alerts)] if alerts else []
    for detection, box in zip(detections, boxes, strict=True):
        taken.append(pen.tag(_caption(detection), box, colour_of(detection.label), taken))


def colour_of(label: str) -> str:
    """The colour of a label, "#rrggbb", the same in every picture."""
    return LABEL_COLOURS.get(label) or OTHER_COLOURS[crc32(label.encode()) % len(OTHER_COLOURS)]


def save(image: Image.Image, path: Path) -> None:
    """Writes the image in the format of the path's suffix, one of SUFFIXES.

    Raises:
        OSError: The file cannot be written.
    """
    # Without subsampling, so that coloured lines stay sharp in a JPEG.
    options = {"quality": 92, "subsampling": 0} if SUFFIXES[path.suffix.lower()] == "JPEG" else {}
    image.save(path, SUFFIXES[path.suffix.lower()], **options)


def _opaque(image: Image.Image) -> Image.Image:
    """The image in RGB, over white, as the services see it."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")


def _caption(detection: Detection) -> str:
    track = f"#{detection.track_id} " if detection.track_id else ""
    return f"{track}{detection.label} {detection.score:.2f}".strip()


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Reading it takes longer than drawing a frame."""
    return ImageFont.load_default(size=size)


class _Pen:
    """Lines and letters in proportion to the picture."""

    def __init__(self, image: Image.Image) -> None:
        self._size = image.size
        self._canvas = ImageDraw.Draw(image)
        self._width = max(2, round(max(image.size) / 420))
        self._font = _font(max(12, round(max(image.size) / 64)))
        # The same for every text, whatever hangs below its line.
        self._line = round(self._canvas.textbbox((0, 0), "Åg", font=self._font)[3])

    def corners(self, detection: Detection) -> Rectangle:
        """The outermost whole pixels of the box that lie in the picture."""
        box, (width, height) = detection.box, self._size
        left, top = max(0, round(box.x_min)), max(0, round(box.y_min))
        right, bottom = min(width, round(box.x_max)) - 1, min(height, round(box.y_max)) - 1
        # A box that lies outside still shows, as a line at the border.
        left, top = min(left, width - 1), min(top, height - 1)
        return left, top, max(left, right), max(top, bottom)

    def box(self, box: Rectangle, colour: str) -> None:
        left, top, right, bottom = box
        self._canvas.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=EDGE, width=self._width + 2)
        self._canvas.rectangle(box, outline=colour, width=self._width)

    def dots(self, points: Iterable[tuple[float, float]], colour: str) -> None:
        radius = self._width * 1.5
        for x, y in points:
            self._canvas.ellipse((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1), fill=EDGE)
            self._canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def tag(self, text: str, box: Rectangle, colour: str, taken: Sequence[Rectangle]) -> Rectangle:
        """The text on a plate at the box, where nothing lies yet if there is such a place; where it was put."""
        pad = self._width + 1
        width, height = round(self._canvas.textlength(text, font=self._font)) + 2 * pad, self._line + pad
        places = list(self._places(box, width, height))
        place = next((one for one in places if not any(_overlap(one, other) for other in taken)), places[0])
        self._canvas.rectangle(place, fill=colour)
        self._canvas.text((place[0] + pad, place[1] + pad // 2), text, font=self._font, fill=EDGE)
        return place

    def banner(self, alerts: Sequence[str]) -> Rectangle:
        """A frame around the picture and a line for each alert at its top, no wider than they need; where they lie."""
        right, bottom = self._size[0] - 1, self._size[1] - 1
        self._canvas.rectangle((0, 0, right, bottom), outline=ALERT, width=2 * self._width)
        pad = self._line // 2
        width = max(round(self._canvas.textlength(alert, font=self._font)) for alert in alerts) + 2 * pad
        plate = (0, 0, min(right, width), min(bottom, len(alerts) * self._line + 2 * pad))
        self._canvas.rectangle(plate, fill=ALERT)
        for number, alert in enumerate(alerts):
            self._canvas.text((pad, pad + number * self._line), alert, font=self._font, fill=ON_ALERT)
        return plate

    def _places(self, box: Rectangle, width: int, height: int) -> Iterator[Rectangle]:
        """Where a tag may lie in the picture: above the box, below it, inside it at the top and at the bottom."""
        left = max(0, min(box[0], self._size[0] - width))
        for top in (box[1] - height, box[3] + 1, box[1], box[3] + 1 - height):
            if 0 <= top <= self._size[1] - height:
                yield left, top, left + width - 1, top + height - 1
        yield left, box[1], left + width - 1, box[1] + height - 1


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
