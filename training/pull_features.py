"""Turns published weights into a model that transfers styles or dreams."""

from collections.abc import Iterator

from training.export.stylisers.pipeline import SENTENCES, write_features
from training.export.stylisers.trained import published_features
from training.hub import Watch, checksum
from training.pull import Request, fetched


def pull_features(request: Request, task: str, watch: Watch = lambda here, total: None) -> Iterator[str]:
    """Fetch weights, check them, write them as a model of the repository, and say what came of it.

    Args:
        request: whose source has features; size and threshold do not matter.
        task: what they are to serve.
        watch: is told of the progress.

    Raises:
        TrainingError: as `training.pull.pull`.
    """
    request.place.check()
    file = fetched(request, watch)
    features = published_features(file, request.source.licence)
    folder, found = write_features(features, request.place, task, f"{SENTENCES[task]}: VGG-19 of ImageNet")
    for proof in found.proof:
        yield f"{proof.engine}, {proof.precision}: {proof.figures}"
    yield f"{folder}: {request.source.name} for {task}, {request.source.licence}; SHA-256 {checksum(file)}"
