"""From a trained detector to a model folder: export, prove, describe, write."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import onnx

from training.data.rendered import rendered_set
from training.datasets import CACHE, images_of
from training.detection_data import LetterboxedImages
from training.errors import TrainingError
from training.export.detectors.card import Evidence, model_card
from training.export.detectors.configuration import DetectorInterface
from training.export.detectors.engines import Pixels
from training.export.detectors.graph import export_graph
from training.export.detectors.parity import Parity, prove
from training.export.detectors.trained import TrainedDetector, load_run, own_detections
from training.export.proving import Exported, proven
from training.export.repository import Card, Place, write_model
from training.run import Run


def export_run(folder: Path, place: Place, threshold: float, images: int, data: Path | None) -> Iterator[str]:
    """Write the model folder of a run, as `export_detector` does, and say what came of it.

    Args:
        folder: of the run.
        place: where the model goes.
        threshold: least score that counts when a caller names none, 0..1.
        images: held-out images to prove the graph with.
        data: the folder to take them from; None: the run's own data.
    """
    trained = load_run(folder)
    exported = export_detector(trained, held_out_images(trained, images, data), place, threshold)
    if exported.refused:
        yield f"weights stay in float32, since half precision changes what is found: {exported.refused}"
    for proof in exported.proof:
        yield (
            f"{proof.engine}, {proof.precision}: {proof.detections} detections on {proof.images} images are equal "
            f"(least IoU {proof.worst_iou:.4f}, scores within {proof.worst_score:.4f})"
        )
    yield f"{exported.folder}: version {place.version}, {trained.licence}"


def export_detector(
    trained: TrainedDetector, images: Sequence[Pixels], place: Place, threshold: float
) -> Exported[list[Parity]]:
    """Write the model folder of a trained network.

    Args:
        trained: the network.
        images: letterboxed, size x size x 3, to prove the graph with.
        place: where the model goes.
        threshold: least score that counts when a caller names none, 0..1.

    Raises:
        TrainingError: the network does not export, the graph finds something else, or the folder cannot be written.
    """
    place.check()
    if not 0 <= threshold <= 1:
        raise TrainingError(f"--threshold {threshold:g}: a score lies in 0..1")
    own = own_detections(trained.network)
    result = proven(
        lambda half: _graph(trained, half=half),
        lambda model: prove(trained.network, model, images, own, threshold),
    )
    precisions = dict.fromkeys(proof.precision for proof in reversed(result.proof))  # the fastest first
    data = trained.recipe.data
    interface = DetectorInterface(
        place.name, data.classes, threshold, tuple(precisions), trained.licence, data.exclusive
    )
    card = Card(model_card(interface, Evidence(trained, result.model, result.proof)))
    folder = write_model(place, interface, result.model, card)
    return Exported(folder, result.proof, result.refused)


def held_out_images(trained: TrainedDetector, count: int, data: Path | None) -> list[Pixels]:
    """The first held-out images, letterboxed: those of `data`, of the run's own folder, or rendered.

    Raises:
        TrainingError: the folder of the run's data is not here and none is named, or it is no data set.
    """
    recipe = trained.recipe
    folder = data or (Path(trained.summary["data"]) if trained.learned_from_folder else None)
    if folder is not None or recipe.data.source == "folder":
        found = images_of(Run(recipe, Path(), data=folder)).validation
    else:
        few = recipe.data.model_copy(update={"validation": min(count, recipe.data.validation)})
        found = rendered_set(few, "validation", CACHE)
    letterboxed = LetterboxedImages(list(islice(found, count)), recipe.data.classes, recipe.model.size)
    return [letterboxed.pixels(number) for number in range(len(letterboxed))]


def _graph(trained: TrainedDetector, *, half: bool) -> onnx.ModelProto:
    facts = {"recipe": trained.recipe.name, "licence": trained.licence}
    return export_graph(trained.network, trained.recipe.model.size, batched=trained.batched, half=half, facts=facts)
