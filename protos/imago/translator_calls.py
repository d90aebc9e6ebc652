"""The calls of the typed client that make images from images: translated, stylised, dreamt into."""

from collections.abc import Generator, Mapping
from typing import Any, Unpack

from imago.connection import Connection, fill
from imago.images import ImageInput, to_image
from imago.options import DreamOptions, StylizeOptions, TranslateOptions
from imago.v1.translator_pb2 import (
    DreamRequest,
    DreamResponse,
    StyleCode,
    StylizeRequest,
    StylizeResponse,
    TranslateRequest,
    TranslateResponse,
    WeightedStyle,
)
from imago.v1.translator_pb2_grpc import TranslatorServiceStub

StyleInput = ImageInput | StyleCode | WeightedStyle
"""An image, a code from an earlier answer, or the message itself, which may also name a style and has a weight."""


class TranslatorCalls(Connection):
    """A connection to a gateway, or to a translator by itself."""

    def __init__(self, server: str, *, timeout_s: float) -> None:
        super().__init__(server, timeout_s=timeout_s)
        self._translator = TranslatorServiceStub(self._channel)

    def translate(
        self, image: ImageInput, *, timeout_s: float | None = None, **options: Unpack[TranslateOptions]
    ) -> TranslateResponse:
        """The image in another domain, e.g. an aerial photograph as a map; `options` are the other fields.

        to_pillow(imago.translate("town.jpg", direction="aerial_to_map").image).save("map.png")
        """
        request = TranslateRequest(image=to_image(image))
        fill(request, options)
        return self._call(self._translator.Translate, request, timeout_s)

    def stylize(
        self,
        image: ImageInput,
        *styles: StyleInput,
        timeout_s: float | None = None,
        **options: Unpack[StylizeOptions],
    ) -> Generator[StylizeResponse, None, None]:
        """The content of the image in a style, or in several blended: progress, if there is any, then the result.

            for answer in imago.stylize("cat.jpg", "starry.jpg", model="gatys"):
                print(answer.progress.step)
            to_pillow(answer.result.image).save("starry-cat.png")

        Args:
            image: The content.
            styles: One or more.
            timeout_s: Most seconds until the result; None: as long as it takes.
            options: The other fields of StylizeRequest. Closing the generator ends the work.
        """
        request = StylizeRequest(image=to_image(image), styles=[_weighted(style) for style in styles])
        fill(request, _with_images(options, "mask"))
        return self._stream(self._translator.Stylize, request, timeout_s)

    def dream(
        self, image: ImageInput, *, timeout_s: float | None = None, **options: Unpack[DreamOptions]
    ) -> Generator[DreamResponse, None, None]:
        """What a network sees in the image, strengthened octave by octave: progress, and at last the result.

        `timeout_s` is as in `stylize`, `options` are the other fields of DreamRequest. Closing the generator ends it.
        """
        request = DreamRequest(image=to_image(image))
        fill(request, _with_images(options, "guide"))
        return self._stream(self._translator.Dream, request, timeout_s)


def _weighted(style: StyleInput) -> WeightedStyle:
    if isinstance(style, WeightedStyle):
        return style
    return WeightedStyle(code=style) if isinstance(style, StyleCode) else WeightedStyle(image=to_image(style))


def _with_images(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The options with the image of a field as it goes over the wire."""
    return {**options, name: to_image(options[name])} if name in options else options
