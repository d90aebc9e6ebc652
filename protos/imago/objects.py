"""Finds the objects of many pictures and draws them into copies. The command line is `cli_detect.py`'s."""

from dataclasses import dataclass

from imago import draw
from imago.client import Imago
from imago.options import DetectOptions
from imago.outputs import Job
from imago.v1.detector_pb2 import DetectResponse


@dataclass(frozen=True, slots=True)
class ObjectFinder:
    """Work for `batch.run`: asks about one picture and draws it."""

    client: Imago
    options: DetectOptions

    def __call__(self, job: Job) -> DetectResponse:
        picture = job.source.read_bytes()
        answer = self.client.detect(picture, **self.options)
        if job.copy:
            draw.save(draw.annotate(picture, answer.detections), job.copy)
        return answer
