"""Sweeps the parameters of OpenCV's Haar cascade over a folder of faces, as a filter of data sets: which images stay?

After the attribute paper, section 5.1: of each image the face with the largest area is kept, an image without a face is
dropped. A recall filter changes the set (it drops turned, dark and covered faces), so the share kept is told for every
attribute as well. Each measurement is one line of `detections.csv`; a sweep that was interrupted goes on behind it.
"""

import csv
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import astuple, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2

from training.data.pictures import pictures_in
from training.errors import TrainingError

CASCADE = "haarcascade_frontalface_default.xml"
FIELDS = ("image", "min_size", "scale_factor", "min_neighbours", "faces", "x_min", "y_min", "x_max", "y_max", "ms")
DETECTIONS = "detections.csv"
_BATCH = 16
"""Images that a process searches before it reports."""


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """`detectMultiScale`'s parameters: least side of a face in pixels, growth of the window, hits that make a face."""

    min_size: int
    scale_factor: float
    min_neighbours: int


@dataclass(frozen=True, slots=True)
class Detection:
    """What one setting found in one image: how many faces, the largest one's edges (None: no face), and the time."""

    image: str
    setting: Setting
    faces: int
    edges: tuple[int, int, int, int] | None
    ms: float


def grid(min_sizes: Sequence[int], scale_factors: Sequence[float], min_neighbours: Sequence[int]) -> list[Setting]:
    """Every combination.

    Raises:
        TrainingError: a value that the cascade does not take.
    """
    for name, values, least in (("min-size", min_sizes, 1), ("min-neighbours", min_neighbours, 0)):
        if bad := [value for value in values if value < least]:
            raise TrainingError(f"--{name} is {bad[0]}; it must be at least {least}")
    if bad_factors := [factor for factor in scale_factors if not 1.01 <= factor <= 4]:
        raise TrainingError(f"--scale-factor is {bad_factors[0]:g}; it must be in 1.01..4")
    return sorted(Setting(*values) for values in set(product(min_sizes, scale_factors, min_neighbours)))


@cache
def _cascade() -> Any:
    folder: str = cv2.data.haarcascades  # type: ignore[attr-defined]  # missing in the stubs alone
    return cv2.CascadeClassifier(os.path.join(folder, CASCADE))


def search(file: Path, settings: Sequence[Setting]) -> list[Detection] | None:
    """One image under every setting; None when it cannot be read."""
    grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        return None
    found = []
    for setting in settings:
        started = perf_counter()
        boxes = _cascade().detectMultiScale(
            grey,
            scaleFactor=setting.scale_factor,
            minNeighbors=setting.min_neighbours,
            minSize=(setting.min_size, setting.min_size),
        )
        ms = (perf_counter() - started) * 1000
        largest = max(boxes, key=lambda box: (int(box[2]), -int(box[0]), -int(box[1])), default=None)
        edges = None
        if largest is not None:
            x, y, width, height = map(int, largest)
            edges = (x, y, x + width, y + height)
        found.append(Detection(file.name, setting, len(boxes), edges, round(ms, 2)))
    return found


def _search_all(files: Sequence[Path], settings: Sequence[Setting]) -> tuple[list[Detection], list[Path]]:
    detections, unreadable = [], []
    for file in files:
        found = search(file, settings)
        if found is None:
            unreadable.append(file)
        else:
            detections += found
    return detections, unreadable


class Sweep:
    """A sweep over a folder whose measurements lie in another.

    Attributes:
        unreadable: images that could not be read; they count nowhere.
    """

    def __init__(self, folder: Path, settings: Sequence[Setting], out: Path) -> None:
        if not folder.is_dir():
            raise TrainingError(f"{folder}: there is no such folder")
        self._files = pictures_in(folder)
        if not self._files:
            raise TrainingError(f"{folder}: holds no images")
        self._settings = settings
        self._table = out / DETECTIONS
        self.unreadable: list[Path] = []
        out.mkdir(parents=True, exist_ok=True)

    @property
    def images(self) -> int:
        return len(self._files)

    def run(self, workers: int = 0) -> Iterator[int]:
        """Measure what is missing; yields how many images are done, those of an earlier run first."""
        done = self._measured()
        missing = [file for file in self._files if file.name not in done]
        yield len(self._files) - len(missing)
        batches = [missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH)]
        workers = min(workers or os.cpu_count() or 1, len(batches))
        with self._table.open("a", encoding="utf-8", newline="") as table:
            writer = csv.writer(table)
            if table.tell() == 0:
                writer.writerow(FIELDS)
            for size, (detections, unreadable) in self._search(batches, workers):
                writer.writerows(map(_row, detections))
                table.flush()
                self.unreadable += unreadable
                yield size

    def _search(
        self, batches: Sequence[Sequence[Path]], workers: int
    ) -> Iterator[tuple[int, tuple[list[Detection], list[Path]]]]:
        if workers <= 1:
            yield from ((len(batch), _search_all(batch, self._settings)) for batch in batches)
            return
        context = multiprocessing.get_context("spawn")  # not forked: the caller may have threads
        with ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
            waiting = {pool.submit(_search_all, batch, self._settings): len(batch) for batch in batches}
            for done in as_completed(waiting):
                yield waiting[done], done.result()

    def detections(self) -> list[Detection]:
        """Every measurement of these images and settings, by image, then setting."""
        names, settings = {file.name for file in self._files}, set(self._settings)
        rows = [each for each in read_detections(self._table) if each.image in names and each.setting in settings]
        return sorted(rows, key=lambda each: (each.image, each.setting))

    def _measured(self) -> set[str]:
        """Names of the images that have every setting; a half line at the end of the table is cut off first."""
        if not self._table.exists():
            return set()
        text = self._table.read_text(encoding="utf-8")
        self._table.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
        seen: dict[str, set[Setting]] = {}
        for each in read_detections(self._table):
            seen.setdefault(each.image, set()).add(each.setting)
        return {name for name, settings in seen.items() if settings.issuperset(self._settings)}


def _row(detection: Detection) -> tuple[Any, ...]:
    edges = detection.edges or ("", "", "", "")
    return (detection.image, *astuple(detection.setting), detection.faces, *edges, detection.ms)


def read_detections(table: Path) -> list[Detection]:
    """The measurements of a sweep; of two of the same image and setting the last one counts.

    Raises:
        TrainingError: a line that is none; the sentence names file and line.
    """
    found: dict[tuple[str, Setting], Detection] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), 2):
            try:
                setting = Setting(int(row["min_size"]), float(row["scale_factor"]), int(row["min_neighbours"]))
                faces = int(row["faces"])
                edges = tuple(int(row[name]) for name in FIELDS[5:9]) if faces else None
                each = Detection(row["image"], setting, faces, edges, float(row["ms"]))  # type: ignore[arg-type]
            except (KeyError, TypeError, ValueError):
                raise TrainingError(f"{table}, line {number}: is no measurement of a sweep; remove the file") from None
            found[each.image, setting] = each
    return list(found.values())
