"""Writes rendered, annotated pictures as a Pascal VOC folder, with several processes, going on where it stopped."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.voc import voc_xml
from training.errors import TrainingError
from training.render.scenes import render_scene

Renderer = Callable[[int, int, int], tuple[NDArray[np.uint8], tuple[LabelledBox, ...]]]
"""From a seed, a width and a height to pixels (uint8 height x width x 3, red, green and blue) and boxes."""

RENDERERS: dict[str, Renderer] = {"masks": render_scene}
"""Renderers of annotated pictures by the name that recipes and the command line use."""

_BATCH = 8
"""Pictures that a process makes before it reports."""


@dataclass(frozen=True, slots=True)
class RenderedFolder:
    """A folder of rendered pictures in Kaggle's layout: `images/*.png`, `annotations/*.xml`.

    Attributes:
        path: the folder.
        renderer: a name of `RENDERERS`.
        width, height: of a picture in pixels.
    """

    path: Path
    renderer: str
    width: int
    height: int

    def stem(self, seed: int) -> str:
        """File name, without ending, of the picture of a seed."""
        return f"{self.renderer}-{self.width}x{self.height}-{seed:08d}"

    def missing(self, seeds: Sequence[int]) -> list[int]:
        """Seeds whose annotation, which is written last, is not there."""
        return [seed for seed in seeds if not (self.path / "annotations" / f"{self.stem(seed)}.xml").is_file()]

    def render(self, seeds: Sequence[int], workers: int = 0) -> Iterator[int]:
        """Render what is missing; yields how many pictures are new, each time some are.

        Args:
            seeds: of the pictures, each 0 or more.
            workers: processes; 0: one for each core, 1: none but this one.

        Raises:
            TrainingError: there is no renderer of that name, or the folder cannot be written.
        """
        if self.renderer not in RENDERERS:
            raise TrainingError(f"there is no renderer '{self.renderer}'; there are {', '.join(RENDERERS)}")
        try:
            for name in ("images", "annotations"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path}: {error.strerror}") from None
        missing = self.missing(seeds)
        batches = [missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH)]
        workers = min(workers or os.cpu_count() or 1, len(batches))
        if workers <= 1:
            yield from map(self.write, batches)
            return
        # Spawned, not forked: the caller may have threads.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
            for done in as_completed([pool.submit(self.write, batch) for batch in batches]):
                yield done.result()

    def write(self, seeds: Sequence[int]) -> int:
        """Write these pictures and their annotations; says how many."""
        for seed in seeds:
            pixels, boxes = RENDERERS[self.renderer](seed, self.width, self.height)
            picture = self.path / "images" / f"{self.stem(seed)}.png"
            if not cv2.imwrite(str(picture), pixels[..., ::-1]):
                raise TrainingError(f"{picture}: the picture could not be written")
            annotation = self.path / "annotations" / f"{self.stem(seed)}.xml"
            unfinished = annotation.with_suffix(".part")
            unfinished.write_bytes(voc_xml(AnnotatedImage(picture, self.width, self.height, boxes)))
            unfinished.replace(annotation)
        return len(seeds)
