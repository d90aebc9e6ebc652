"""Writes rendered, annotated pictures as a Pascal VOC folder, with several processes, going on where it stopped."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2

from training.data.annotations import AnnotatedImage
from training.data.faults import Findings
from training.data.rendered import RENDERERS
from training.data.voc import VocReader, voc_xml
from training.errors import TrainingError

_BATCH = 8
"""Pictures that a process makes before it reports."""


@dataclass(frozen=True, slots=True)
class RenderedFolder:
    """A folder of rendered pictures in Kaggle's layout: `images/*.png`, `annotations/*.xml`.

    Attributes:
        path: the folder.
        renderer: a name of `training.data.rendered.RENDERERS`.
        width, height: of a picture in pixels.
    """

    path: Path
    renderer: str
    width: int
    height: int

    def stem(self, seed: int) -> str:
        """File name, without ending, of the picture of a seed."""
        return f"{self.renderer}-{self.width}x{self.height}-{seed:08d}"

    def picture(self, seed: int) -> Path:
        """The picture's file."""
        return self.path / "images" / f"{self.stem(seed)}.png"

    def annotation(self, seed: int) -> Path:
        """The annotation's file."""
        return self.path / "annotations" / f"{self.stem(seed)}.xml"

    def read(self, seeds: Sequence[int]) -> list[AnnotatedImage]:
        """What was written for these seeds, in their order."""
        reader = VocReader(Findings(strict=True))
        found = (reader.read(self.annotation(seed), lambda name, _: self.path / "images" / name) for seed in seeds)
        return [image for image in found if image]

    def missing(self, seeds: Sequence[int]) -> list[int]:
        """Seeds whose annotation, which is written last, is not there."""
        return [seed for seed in seeds if not self.annotation(seed).is_file()]

    def render(self, seeds: Sequence[int], workers: int = 0) -> Iterator[int]:
        """Render what is missing; yields how many pictures are new, each time some are.

        Args:
            seeds: of the pictures, each 0 or more.
            workers: processes; 0: one for each core, 1: none but this one.

        Raises:
            TrainingError: there is no renderer of that name, the folder cannot be written, or a process was killed.
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
        with ProcessPoolExecutor(workers, context, _start_worker) as pool:
            try:
                for done in as_completed([pool.submit(self.write, batch) for batch in batches]):
                    yield done.result()
            except BrokenProcessPool:
                raise TrainingError(f"{self.path}: a process was killed; started again, it goes on there") from None
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def write(self, seeds: Sequence[int]) -> int:
        """Write these pictures and their annotations; says how many."""
        scene = RENDERERS[self.renderer].load()
        for seed in seeds:
            pixels, boxes = scene(seed, self.width, self.height)
            image = AnnotatedImage(self.picture(seed), self.width, self.height, boxes)
            _, png = cv2.imencode(".png", pixels[..., ::-1])
            _write_whole(image.file, png.tobytes())
            _write_whole(self.annotation(seed), voc_xml(image))
        return len(seeds)


def _write_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is never seen half."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    except OSError as error:
        raise TrainingError(f"{file}: {error.strerror}") from None


def _start_worker() -> None:
    """One thread for each process; Ctrl-C is the parent's to handle."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
