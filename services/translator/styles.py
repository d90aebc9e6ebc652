"""Reads the styles of a Stylize request: names, codes and images, each with its weight."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import cv2
import numpy as np

from imago.v1 import image_pb2, translator_pb2
from services.runtime.errors import InvalidInput
from services.runtime.images import ImageDecoder, Pixels
from services.runtime.typed import decode_image
from services.translator.framing import check_least
from services.translator.networks import Code, Network, Stylizer

MOST_STYLES = 8
_LEAST_DEVIATION = 1.0
"""Of the levels of a style image, 0..255: below it there is one colour, and nothing that could be a style."""

Style = str | translator_pb2.StyleCode | image_pb2.Image


@dataclass(frozen=True, slots=True)
class AskedStyle:
    """A style as it was sent, its share of all (they add up to 1), and where in the request it stands."""

    style: Style
    share: float
    field: str


def read_styles(request: translator_pb2.StylizeRequest) -> list[AskedStyle]:
    """The styles that a request blends.

    Raises:
        InvalidInput: none, too many, one that is empty or a weight out of range, named with its place.
    """
    found = list(_all_styles(request))
    if not 1 <= len(found) <= MOST_STYLES:
        raise InvalidInput(
            f"{len(found)} styles are given in style_image and styles; there must be 1 to {MOST_STYLES}",
            field="styles",
        )
    total = sum(weight for _, weight, _ in found)
    return [AskedStyle(style, weight / total, field) for style, weight, field in found]


def _all_styles(request: translator_pb2.StylizeRequest) -> Iterator[tuple[Style, float, str]]:
    if request.HasField("style_image"):
        yield request.style_image, 1.0, "style_image"
    for place, weighted in enumerate(request.styles):
        field, kind = f"styles[{place}]", weighted.WhichOneof("style")
        if kind is None:
            raise InvalidInput(f"{field} has neither a name nor a code nor an image", field=field)
        weight = weighted.weight or 1.0
        if not weight > 0 or not isfinite(weight):
            raise InvalidInput(f"{field}.weight is {weight:g}; it must be above 0", field=f"{field}.weight")
        yield getattr(weighted, kind), weight, f"{field}.{kind}"


def read_named(name: str, stylizer: Stylizer, field: str) -> Code:
    """The code of a style that the styliser knows by name."""
    if name in stylizer.styles:
        return stylizer.styles[name]
    known = f"knows {', '.join(stylizer.styles)}" if stylizer.styles else "knows none by name"
    raise InvalidInput(f"{field} is '{name}'; model '{stylizer.name}' {known}", field=field)


def read_code(code: translator_pb2.StyleCode, stylizer: Stylizer, field: str) -> Code:
    """The values of a code that the styliser understands.

    Raises:
        InvalidInput: it belongs to another model, version or space, or its values are none of this space.
    """
    stated = {"model": stylizer.name, "version": stylizer.version, "space": stylizer.space}
    for key, wanted in stated.items():
        if (value := getattr(code, key)) not in ("", wanted):
            raise InvalidInput(
                f"{field}.{key} is '{value}'; it is sent to {key} '{wanted}', which does not understand it",
                field=f"{field}.{key}",
            )
    values = np.array(code.values, np.float32)
    if len(values) != stylizer.values:
        raise InvalidInput(
            f"{field}.values has {len(values)} values; space '{stylizer.space}' has {stylizer.values}",
            field=f"{field}.values",
        )
    wrong = ~np.isfinite(values)
    wrong[len(values) // 2 :] |= values[len(values) // 2 :] < 0
    if wrong.any():
        place = int(np.argmax(wrong))
        must = "finite" if place < len(values) // 2 else "finite and at least 0, being a deviation"
        raise InvalidInput(
            f"{field}.values[{place}] is {values[place]:g}; it must be {must}", field=f"{field}.values[{place}]"
        )
    return values


def write_code(code: Code, stylizer: Stylizer) -> translator_pb2.StyleCode:
    """A code, to be sent again."""
    return translator_pb2.StyleCode(
        values=code.tolist(), model=stylizer.name, version=stylizer.version, space=stylizer.space
    )


async def decode_style(
    image: image_pb2.Image, decoder: ImageDecoder, network: Network, longest_side: int, field: str
) -> Pixels:
    """The pixels of a style image, reduced to `longest_side`.

    Raises:
        InvalidInput: it cannot be decoded, is smaller than the network needs, or is of one colour.
    """
    decoded = await decode_image(image, decoder, longest_side=longest_side, field=field)
    check_least(decoded, network.frame.least, network.name, field)
    means, deviations = cv2.meanStdDev(decoded.pixels)
    if np.max(deviations) < _LEAST_DEVIATION:
        colour = ", ".join(f"{level:.0f}" for level in np.ravel(means))
        raise InvalidInput(f"{field} has one colour, rgb({colour}), all over: there is no style in it", field=field)
    return decoded.pixels
