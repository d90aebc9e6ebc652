"""Finds the faces of many files and writes what was asked for beside them. The command line is `cli.py`'s."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imago import draw
from imago.client import Imago
from imago.options import FaceOptions
from imago.outputs import Job
from imago.v1.detector_pb2 import DetectFacesResponse


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """The answer, without its crops, and where they were written."""

    answer: DetectFacesResponse
    crops: list[Path]


@dataclass(frozen=True, slots=True)
class FaceFinder:
    """Work for `batch.run`: asks about one picture, draws it, saves its crops.

    `crops` is an existing folder, or None when none are asked for in `options`.
    """

    client: Imago
    options: FaceOptions
    crops: Path | None

    def __call__(self, job: Job) -> FoundFaces:
        picture = job.source.read_bytes()
        answer = self.client.detect_faces(picture, **self.options)
        if job.copy:
            draw.save(draw.annotate(picture, answer.detections), job.copy)
        crops = list(self._save(job.name, answer.crops))
        del answer.crops[:]  # they are on disk now, and a command may hold thousands of answers
        return FoundFaces(answer, crops)

    def _save(self, name: str, crops: Sequence[bytes]) -> Iterator[Path]:
        if self.crops is None:
            return
        for number, crop in enumerate(crops, start=1):
            path = self.crops / f"{name}-face{number}.jpg"
            path.write_bytes(crop)
            yield path
