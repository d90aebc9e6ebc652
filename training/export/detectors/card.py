"""A detector's model card: what it is, where it comes from, what was measured and how, and what it cannot do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx

from training.detectors.yolo_package import LICENCE as AGPL
from training.export.card import bullets, card_text, facts, from_outside, scores, table
from training.export.detectors.configuration import DetectorInterface
from training.export.detectors.graph import BOXES, INPUT, SCORES, candidates_of, is_batched
from training.export.detectors.parity import TOLERANCES, Parity
from training.export.detectors.trained import TrainedDetector

PROCEDURAL = (
    "Trained and measured on procedural pictures: faces and scenes that a program draws. Not one photograph was used. "
    "The figures above hold for such pictures and say nothing about photographs, where it will miss faces and confuse "
    "labels more often. For photographs, train the same recipe on annotated ones (`--data DIR`)."
)
FOLDER = (
    "Trained and measured on one set of images. For images of another kind (camera, distance, light, people) the "
    "figures above are no promise: measure again with images of your own."
)
ALWAYS = (
    "A box says where something looks like its label, not who a person is. A decision about a person needs a human.",
    "Scores are no probabilities: choose the threshold with images of your own.",
)
COPYLEFT = (
    "The network and its training are those of ultralytics, under AGPL-3.0, and its makers hold that weights trained "
    "by it are too: see `LICENSE`. Who lets others use this model over a network must offer them the source of the "
    "whole work, or have a licence from ultralytics. Nothing else depends on this folder: remove it where its licence "
    "does not suit. Detectors of this project that are not YOLOs are Apache-2.0."
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the card reports beside the configuration: the run, the graph, and how both were compared."""

    trained: TrainedDetector
    model: onnx.ModelProto
    proofs: Sequence[Parity]


def model_card(interface: DetectorInterface, evidence: Evidence) -> str:
    """The text of the folder's `README.md`."""
    trained, model = evidence.trained, evidence.model
    about = {
        "Task": "`object-detection`",
        "Labels": ", ".join(f"`{label}`" for label in interface.labels),
        "Network": f"`{trained.recipe.model.name}` for {trained.recipe.model.size} px, {trained.parameters:,} weights",
    }
    sections = {
        "": facts(about, trained, model),
        "Inputs and outputs": _interface(interface, model),
        "Measured": _measured(trained),
        "The same as the trained network": _proofs(evidence.proofs),
        "Limits": bullets(_limits(trained)),
        "Licence": COPYLEFT if interface.licence == AGPL else "",
    }
    return card_text(interface.name, trained, sections)


def _interface(interface: DetectorInterface, model: onnx.ModelProto) -> str:
    candidates, classes = candidates_of(model)
    side = model.graph.input[0].type.tensor_type.shape.dim[-2].dim_value
    number = "n" if candidates < 0 else str(candidates)
    rows = [
        (f"`{INPUT}`", f"UINT8 [{side}, {side}, 3]", "RGB, letterboxed: proportions kept, centred, the rest grey 114"),
        (
            f"`{BOXES}`",
            f"FP32 [{number}, 4]",
            "x_min, y_min, x_max, y_max in pixels of the letterbox; may reach beyond it",
        ),
        (f"`{SCORES}`", f"FP32 [{number}, {classes}]", "0..1 for each label of `labels.txt`; before suppression"),
    ]
    batch = "Any number of images at once." if is_batched(model) else "One image at a time: tensors have no batch axis."
    threshold = f"A score counts from {interface.threshold:g} on when the caller names no threshold."
    return table(("name", "type", "meaning"), rows) + f"\n\n{batch} {threshold}"


def _measured(trained: TrainedDetector) -> str:
    measured = scores(trained)
    if not measured:
        return "Nothing: this network's run has no summary."
    images = trained.summary.get("images", {}).get("validation", {}).get("images")
    how = f"Average precision as COCO defines it, on {f'{images:,} ' if images else ''}images that training never saw."
    chosen = f" The weights are those of epoch {trained.summary['best']['epoch']}, the best on these same images."
    return f"{measured}\n\n{how}{chosen}"


def _proofs(proofs: Sequence[Parity]) -> str:
    rows = []
    for proof in proofs:
        raw = "-" if proof.raw is None else f"{proof.raw[0]:.2g} px, {proof.raw[1]:.2g}"
        rows.append((proof.engine, proof.precision, f"{proof.detections:,}", str(proof.ties), f"{proof.worst_iou:.4f}",
                     f"{proof.worst_score:.4f}", raw))  # fmt: skip
    header = (
        "engine",
        "precision",
        "detections",
        "ties",
        "least IoU",
        "largest difference of scores",
        "of raw numbers",
    )
    bounds = "; ".join(
        f"{precision}: IoU at least {bound.iou:g}, scores within {bound.score:g}"
        for precision, bound in TOLERANCES.items()
    )
    how = (
        f"{proofs[0].images} held-out images, detections with a score of at least {proofs[0].threshold:.3g}: each of "
        f"the trainer's has its equal among the graph's, and the other way round ({bounds}). A tie is a detection for "
        "which the engine kept an overlapping one of the same score."
    )
    return table(header, rows) + f"\n\n{how}"


def _limits(trained: TrainedDetector) -> Iterable[str]:
    yield FOLDER if from_outside(trained) else PROCEDURAL
    size = trained.recipe.model.size
    yield f"An image is scaled to {size} px on its longer side: what has only a few pixels left then is not found."
    yield from ALWAYS
