"""What every model card has: facts about a run and its file, scores beside the paper's, limits."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import onnx

from training.export.graph import weights_in_half
from training.export.trained import Trained
from training.recipe import Data


def card_text(title: str, trained: Trained, sections: Mapping[str, str]) -> str:
    """The text of a folder's `README.md`; a section without text is left out, and the first has no heading."""
    parts = [f"# {title}\n\n{trained.recipe.title}."]
    parts += [f"## {heading}\n\n{text}" if heading else text for heading, text in sections.items() if text]
    return "\n\n".join(parts) + "\n"


def facts(about: Mapping[str, str], trained: Trained, model: onnx.ModelProto) -> str:
    """The table at the head of a card: what the kind of model has to say, then what every run has."""
    recipe, how = trained.recipe, trained.recipe.optimiser
    stored = "half precision, computed with in float32" if weights_in_half(model) else "float32"
    rows = {
        **about,
        "File": f"{len(model.SerializeToString()) / 1e6:.1f} MB; weights are stored in {stored}",
        "Recipe": f"`training/recipes/{recipe.name}.toml`: {recipe.loop.epochs} epochs of batch {recipe.loop.batch}, "
        f"{how.name} with learning rate {how.learning_rate:g}, seed {recipe.loop.seed}",
        "Source": recipe.source,
        "Data": _data(trained),
        "Trained on": _cost(trained.summary),
        "Licence": trained.licence,
    }
    return table(("", ""), [(name, text) for name, text in rows.items() if text])


def scores(trained: Trained) -> str:
    """The table of what was measured and what the paper reports; empty where the run has no summary."""
    measured = {name: value for name, value in trained.scores.items() if value is not None}
    if not measured:
        return ""
    paper = trained.summary.get("paper", {})
    rows = [(name, f"{value:.3f}", str(paper.get(name, "-"))) for name, value in measured.items()]
    rows += [(name, "-", str(value)) for name, value in paper.items() if name not in measured]
    return table(("score", "measured", "the paper's"), rows)


def from_outside(trained: Trained) -> bool:
    """Whether what it learned from was given by a person, not made here."""
    return trained.learned_from_folder or trained.recipe.data.source == "folder"


def bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def _data(trained: Trained) -> str:
    data, counts = trained.recipe.data, trained.summary.get("images", {})
    source = PurePath(trained.summary.get("data", data.source)).name
    kind = "" if from_outside(trained) else f"{_origin(data)}; "
    sets = (f"{_counted(counted)} to {purpose}" for purpose, counted in _by_purpose(counts).items())
    return f"`{source}`: {kind}" + "; ".join(sets) if counts else f"`{source}`"


def _origin(data: Data) -> str:
    """How this project comes by data that nobody gave it."""
    size = f"{data.width} x {data.height} px"
    if data.source == "digits":
        return f"handwritten digits that scikit-learn carries, scaled to {size}"
    rendered = f"rendered by this project, {size}, first seed {data.seed}"
    if any(label.startswith("photograph_") for label in data.classes):
        return f"{rendered}, with crops of photographs that scikit-image and scikit-learn carry"
    return rendered


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
