"""From a finished run to a model folder: export, prove, describe, write. Nothing is written before it is proven."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import onnx

from training.data.rendered import rendered_set
from training.datasets import CACHE, images_of
from training.detection_data import LetterboxedImages
from training.errors import TrainingError
from training.export.card import Evidence, model_card
from training.export.configuration import Interface
from training.export.engines import Pixels
from training.export.graph import export_graph
from training.export.parity import Parity, prove
from training.export.repository import Place, write_model
from training.export.trained import Trained, own_detections
from training.run import Run


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what it was proven by. `refused`: why weights are not stored in half precision."""

    folder: Path
    proofs: Sequence[Parity]
    refused: str = ""


def export_model(trained: Trained, images: Sequence[Pixels], place: Place, threshold: float) -> Exported:
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
    model, proofs, refused = _proven(trained, images, threshold)
    precisions = dict.fromkeys(proof.precision for proof in reversed(proofs))  # the fastest first
    interface = Interface(place.name, trained.recipe.data.classes, threshold, tuple(precisions), trained.licence)
    card = model_card(interface, Evidence(trained, model, proofs))
    return Exported(write_model(place, interface, model, card), proofs, refused)


def held_out_images(trained: Trained, count: int, data: Path | None) -> list[Pixels]:
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


def _proven(trained: Trained, images: Sequence[Pixels], threshold: float) -> tuple[onnx.ModelProto, list[Parity], str]:
    """The graph with weights in half precision, or in float32 where the smaller ones change what is found."""
    own = own_detections(trained.detector)
    model = _graph(trained, half=True)
    try:
        return model, prove(trained.detector, model, images, own, threshold), ""
    except TrainingError as error:
        refused = str(error)
    model = _graph(trained, half=False)
    return model, prove(trained.detector, model, images, own, threshold), refused


def _graph(trained: Trained, *, half: bool) -> onnx.ModelProto:
    facts = {"recipe": trained.recipe.name, "licence": trained.licence}
    return export_graph(trained.detector, trained.recipe.model.size, batched=trained.batched, half=half, facts=facts)
