"""The model card: what a model is, where it comes from, what was measured and how, and what it cannot do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import onnx

from training.detectors.yolo_package import LICENCE as AGPL
from training.export.configuration import Interface
from training.export.graph import BOXES, INPUT, SCORES, candidates_of, is_batched, weights_in_half
from training.export.parity import TOLERANCES, Parity
from training.export.trained import Trained

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

    trained: Trained
    model: onnx.ModelProto
    proofs: Sequence[Parity]


def model_card(interface: Interface, evidence: Evidence) -> str:
    """The text of the folder's `README.md`."""
    recipe = evidence.trained.recipe
    sections = [
        f"# {interface.name}\n\n{recipe.title}.",
        _facts(interface, evidence),
        "## Inputs and outputs\n\n" + _interface(interface, evidence.model),
        "## Measured\n\n" + _measured(evidence.trained),
        "## The same as the trained network\n\n" + _proofs(evidence.proofs),
        "## Limits\n\n" + "".join(f"- {limit}\n" for limit in _limits(evidence.trained)).strip(),
    ]
    if interface.licence == AGPL:
        sections.append(f"## Licence\n\n{COPYLEFT}")
    return "\n\n".join(sections) + "\n"


def _facts(interface: Interface, evidence: Evidence) -> str:
    trained, summary = evidence.trained, evidence.trained.summary
    recipe = trained.recipe
    stored = "half precision, computed with in float32" if weights_in_half(evidence.model) else "float32"
    size = len(evidence.model.SerializeToString()) / 1e6
    how = recipe.optimiser
    rows = {
        "Task": "`object-detection`",
        "Labels": ", ".join(f"`{label}`" for label in interface.labels),
        "Network": f"`{recipe.model.name}` for {recipe.model.size} px, {trained.parameters:,} weights",
        "File": f"{size:.1f} MB; weights are stored in {stored}",
        "Recipe": f"`training/recipes/{recipe.name}.toml`: {recipe.loop.epochs} epochs of batch {recipe.loop.batch}, "
        f"{how.name} with learning rate {how.learning_rate:g}, seed {recipe.loop.seed}",
        "Source": recipe.source,
        "Data": _data(trained),
        "Trained on": _cost(summary),
        "Licence": interface.licence,
    }
    return _table(("", ""), [(name, text) for name, text in rows.items() if text])


def _data(trained: Trained) -> str:
    data, counts = trained.recipe.data, trained.summary.get("images", {})
    source = PurePath(trained.summary.get("data", data.source)).name
    kind = (
        ""
        if _outside(trained)
        else f"rendered by this project, {data.width} x {data.height} px, first seed {data.seed}; "
    )
    sets = (f"{_counted(counted)} to {purpose}" for purpose, counted in _by_purpose(counts).items())
    return f"`{source}`: {kind}" + "; ".join(sets) if counts else f"`{source}`"


def _by_purpose(counts: Mapping[str, Any]) -> dict[str, Mapping[str, int]]:
    return {
        purpose: counts[split] for split, purpose in (("train", "learn"), ("validation", "measure")) if split in counts
    }


def _counted(counts: Mapping[str, int]) -> str:
    boxes = ", ".join(f"{number:,} {label}" for label, number in counts.items() if label != "images")
    return f"{counts['images']:,} images ({boxes})" if boxes else f"{counts['images']:,} images"


def _cost(summary: Mapping[str, Any]) -> str:
    if not summary:
        return ""
    rate = f", {summary['images_per_s']:.1f} images/s" if summary.get("images_per_s") else ""
    versions = ", ".join(f"{package} {version}" for package, version in summary.get("versions", {}).items())
    return f"{summary['device']}, {summary['wall_clock_s'] / 60:.1f} minutes{rate}" + (
        f" ({versions})" if versions else ""
    )


def _interface(interface: Interface, model: onnx.ModelProto) -> str:
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
    return _table(("name", "type", "meaning"), rows) + f"\n\n{batch} {threshold}"


def _measured(trained: Trained) -> str:
    scores = {name: value for name, value in trained.scores.items() if value is not None}
    if not scores:
        return "Nothing: this network's run has no summary."
    paper = trained.summary.get("paper", {})
    rows = [(name, f"{value:.3f}", str(paper.get(name, "-"))) for name, value in scores.items()]
    rows += [(name, "-", str(value)) for name, value in paper.items() if name not in scores]
    images = trained.summary.get("images", {}).get("validation", {}).get("images")
    how = f"Average precision as COCO defines it, on {f'{images:,} ' if images else ''}images that training never saw."
    chosen = f" The weights are those of epoch {trained.summary['best']['epoch']}, the best on these same images."
    return _table(("score", "measured", "the paper's"), rows) + f"\n\n{how}{chosen}"


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
    return _table(header, rows) + f"\n\n{how}"


def _limits(trained: Trained) -> Iterable[str]:
    yield FOLDER if _outside(trained) else PROCEDURAL
    size = trained.recipe.model.size
    yield f"An image is scaled to {size} px on its longer side: what has only a few pixels left then is not found."
    yield from ALWAYS


def _outside(trained: Trained) -> bool:
    return trained.learned_from_folder or trained.recipe.data.source == "folder"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
