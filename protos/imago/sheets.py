"""Writes what was detected into a CSV file, one row for each detection."""

import csv
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from imago.v1.image_pb2 import Detection

COLUMNS = ("file", "frame", "time_s", "track", "label", "score", "x_min", "y_min", "x_max", "y_max")


class Sheet:
    """A CSV file with COLUMNS; frame, time and track are empty where there are none. Missing folders are made.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(COLUMNS)

    def add(self, source: Path, detections: Iterable[Detection], *, frame: int | None = None, time_us: int = 0) -> None:
        """The detections of a picture or, with its index and its time in the video, of a frame."""
        moment = ("", "") if frame is None else (frame, f"{time_us / 1e6:.3f}")
        for one in detections:
            edges = (one.box.x_min, one.box.y_min, one.box.x_max, one.box.y_max)
            track = one.track_id or ""
            self._rows.writerow(
                (source, *moment, track, one.label, f"{one.score:.4f}", *(f"{edge:.2f}" for edge in edges))
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
