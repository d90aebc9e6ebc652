"""Does what `imago generate` and `imago interpolate` were told: asks for images, writes them where they should lie."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import Message

from imago import albums, tables
from imago.client import Imago
from imago.images import to_pillow
from imago.options import GenerateOptions, InterpolateOptions
from imago.outputs import is_folder
from imago.terminal import progress, show, show_json
from imago.v1.generator_pb2 import GeneratedImage, InterpolationStop
from imago.v1.image_pb2 import ModelTiming, Timing

MOST_AT_ONCE = 64
"""Images of one call, as the contract allows."""
SEED_BITS = 32


@dataclass(slots=True)
class Made:
    """What a command has made, for its table.

    Attributes:
        images: without their pixels.
        size: pixels of each, width and height.
        timings: of every call, one after the other.
    """

    images: list[GeneratedImage] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    timings: list[ModelTiming] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Generating:
    """Where the images of a command go.

    Attributes:
        output: a file for all of them or a folder for one file each; None: into the JSON.
        zoom: pixels of a file for one of an image.
        as_json: one JSON object an image, instead of a table.
    """

    client: Imago
    output: Path | None
    zoom: int
    as_json: bool

    def images(self, count: int, options: GenerateOptions, columns: int) -> None:
        """Generates `count` images into a grid or a folder.

        Raises:
            ImagoClientError: A call failed.
            OSError: A file cannot be written.
        """
        made, pictures = Made(), []
        with progress(count) as bar:
            for image in bar.track(self._generated(count, options, made), total=count, description="images"):
                path = self._path(image, f"{image.latent.model}-{image.seed}-{image.index:04d}")
                if self.output is not None and not is_folder(self.output):
                    pictures.append(albums.enlarge(to_pillow(image.image), self.zoom))
                self._keep(image, image, path, made)
        if self.output is not None and pictures:
            albums.save_grid(pictures, self.output, columns)
        self._tell(made)

    def walk(self, stops: Sequence[InterpolationStop], options: InterpolateOptions, rate: float) -> None:
        """Goes from stop to stop into an animation, or into a folder of numbered images. Raises as `images` does."""
        made, pictures = Made(), []
        with progress(0) as bar:
            task = bar.add_task("images", total=None)
            for answer in self.client.interpolate(stops, **options):
                # Images that were made together bring the same cost, which counts once.
                if made.timings[-len(answer.timing.models) :] != list(answer.timing.models):
                    made.timings.extend(answer.timing.models)
                path = self._path(answer.image, f"{answer.image.latent.model}-{answer.index:04d}")
                if self.output is not None and not is_folder(self.output):
                    pictures.append(albums.enlarge(to_pillow(answer.image.image), self.zoom))
                self._keep(answer, answer.image, path, made)
                bar.update(task, completed=len(made.images), total=answer.total)
        if self.output is not None and pictures:
            albums.save_moving(pictures, self.output, rate)
        self._tell(made)

    def _generated(self, count: int, options: GenerateOptions, made: Made) -> Iterator[GeneratedImage]:
        """As many calls as it takes; all of one seed."""
        options = GenerateOptions(**options)
        options.setdefault("seed", secrets.randbits(SEED_BITS))
        first, labels = options.get("first_index", 0), options.get("labels", ())
        for start in range(0, count, MOST_AT_ONCE):
            some = min(MOST_AT_ONCE, count - start)
            options["count"], options["first_index"] = some, first + start
            if len(labels) > 1:
                options["labels"] = labels[start : start + some]
            answer = self.client.generate(**options)
            made.timings.extend(answer.timing.models)
            yield from answer.images

    def _path(self, image: GeneratedImage, name: str) -> Path | None:
        """Where an image lies; one of its own is written now."""
        if self.output is None or not is_folder(self.output):
            return self.output
        self.output.mkdir(parents=True, exist_ok=True)
        path = self.output / f"{name}.png"
        if self.zoom == 1:
            path.write_bytes(image.image.encoded)
        else:
            albums.enlarge(to_pillow(image.image), self.zoom).save(path)
        return path

    def _keep(self, message: Message, image: GeneratedImage, path: Path | None, made: Made) -> None:
        """Notes an image, without pixels that lie in a file."""
        if not made.images:
            made.size = to_pillow(image.image).size
        if path is not None:
            image.ClearField("image")
        if self.as_json:
            show_json(message, **({} if path is None else {"file": str(path)}))
        made.images.append(image)

    def _tell(self, made: Made) -> None:
        if not self.as_json:
            show(tables.generated(self.output, made.images, made.size, Timing(models=made.timings)))
