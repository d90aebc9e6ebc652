"""Draws what was found into the picture it was found in. Decides nothing about what is worth drawing."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from imago.v1.image_pb2 import Detection

SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}

# Bright enough to be seen on any photograph beside their dark edge, and apart for every kind of colour vision.
COLOURS = ["#3ddc97", "#ffb000", "#5ec8ff", "#ff6fa8", "#f4e04d", "#b39cff"]
EDGE = "#101418"


def annotate(picture: bytes, detections: Sequence[Detection]) -> Image.Image:
    """The upright picture with each detection's box, label, score and landmarks; one colour for each label.

    Args:
        picture: A JPEG, PNG or WebP file.
        detections: In pixels of the upright picture, as the services answer.

    Raises:
        OSError: Pillow cannot open the picture.
    """
    with Image.open(io.BytesIO(picture)) as opened:
        image = _opaque(ImageOps.exif_transpose(opened))
    labels = sorted({detection.label for detection in detections})
    pen = _Pen(image)
    # The best comes first and is drawn last, on top.
    for detection in reversed(detections):
        pen.draw(detection, COLOURS[labels.index(detection.label) % len(COLOURS)])
    return image


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


class _Pen:
    """Lines and letters in proportion to the picture."""

    def __init__(self, image: Image.Image) -> None:
        self._size = image.size
        self._canvas = ImageDraw.Draw(image)
        self._width = max(2, round(max(image.size) / 320))
        self._font = ImageFont.load_default(size=max(12, round(max(image.size) / 48)))

    def draw(self, detection: Detection, colour: str) -> None:
        box = self._corners(detection)
        left, top, right, bottom = box
        edge = (left - 1, top - 1, right + 1, bottom + 1)
        self._canvas.rectangle(edge, outline=EDGE, width=self._width + 2)
        self._canvas.rectangle(box, outline=colour, width=self._width)
        self._dots(((point.x, point.y) for point in detection.landmarks.points), colour)
        self._tag(f"{detection.label} {detection.score:.2f}".strip(), box, colour)

    def _corners(self, detection: Detection) -> tuple[int, int, int, int]:
        """The outermost whole pixels of the box that lie in the picture."""
        box, (width, height) = detection.box, self._size
        left, top = max(0, round(box.x_min)), max(0, round(box.y_min))
        right, bottom = min(width, round(box.x_max)) - 1, min(height, round(box.y_max)) - 1
        # A box that lies outside still shows, as a line at the border.
        left, top = min(left, width - 1), min(top, height - 1)
        return left, top, max(left, right), max(top, bottom)

    def _dots(self, points: Iterable[tuple[float, float]], colour: str) -> None:
        radius = self._width * 1.5
        for x, y in points:
            self._canvas.ellipse((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1), fill=EDGE)
            self._canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def _tag(self, text: str, box: tuple[int, int, int, int], colour: str) -> None:
        """The label on a plate: above the box where there is room, else inside it, and never outside the picture."""
        pad = self._width + 1
        width = round(self._canvas.textlength(text, font=self._font)) + 2 * pad
        # The same height for every text, whatever hangs below its line.
        height = round(self._canvas.textbbox((0, 0), "Åg", font=self._font)[3]) + pad
        left = max(0, min(box[0], self._size[0] - width))
        top = box[1] - height if box[1] >= height else box[1]
        self._canvas.rectangle((left, top, left + width - 1, top + height - 1), fill=colour)
        self._canvas.text((left + pad, top + pad // 2), text, font=self._font, fill=EDGE)
