"""From a run, or from published weights, to model folders of stylisers and dreams: export, prove, describe, write."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from training.dreaming import settings as dreams
from training.dreaming.settings import DreamSettings
from training.errors import TrainingError
from training.export.proving import Proven, proven
from training.export.repository import Card, Place, write_model
from training.export.sheet import SAMPLES_FILE
from training.export.stylisers.card import Evidence, encoder_card, step_card, stylizer_card
from training.export.stylisers.configuration import (
    IMAGE_DREAMING,
    STYLE_OPTIMIZATION,
    About,
    FeedForwardInterface,
    StepInterface,
)
from training.export.stylisers.graph import export_encoder, export_stylizer
from training.export.stylisers.pictures import dream_sheet, style_sheet, stylizer_sheet
from training.export.stylisers.proof import Likeness, prove_encoder, prove_step, prove_stylizer
from training.export.stylisers.steps import export_dream_step, export_style_step
from training.export.stylisers.styles import named_styles
from training.export.stylisers.trained import (
    Features,
    TrainedStylizer,
    description_of,
    load_features,
    load_stylizer,
)
from training.stylisation import gatys
from training.stylisation.gatys import StyleSettings

ENCODER = "style_encoder"
"""The folder of a styliser's encoder where nobody says otherwise."""

SENTENCES = {
    STYLE_OPTIMIZATION: "The content of one image in the style of others, by optimisation",
    IMAGE_DREAMING: "Dreams of what a network sees in an image, octave by octave",
}
"""What models do, by task, where nobody says it otherwise."""

TASKS = tuple(SENTENCES)
SERVED = Path(__file__).resolve().parent / "served"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person may want otherwise.

    Attributes:
        task: of features: what they are to serve, one of `TASKS`.
        encoder: of a styliser: the folder of its encoder.
        description: a sentence for people; None: the recipe's title.
    """

    task: str | None = None
    encoder: str = ENCODER
    description: str | None = None


def export_stylizer_run(folder: Path, place: Place, wishes: Wishes) -> Iterator[str]:
    """Write both model folders of a run of `adain`, and say what came of it.

    Args:
        folder: of the run.
        place: where the styliser goes; its encoder goes beside it.
        wishes: what is wanted otherwise.

    Raises:
        TrainingError: the run is not finished or damaged, a graph gives something else, or a folder cannot be written.
    """
    trained = load_stylizer(folder)
    beside = replace(place, name=wishes.encoder)
    beside.check()
    if wishes.encoder == place.name:
        raise TrainingError(f"--encoder {wishes.encoder}: the encoder and the styliser need folders of their own")
    for written, found in write_stylizer(trained, place, beside, wishes.description):
        yield from _said(written, found)
        yield f"{written}: version {place.version}, {trained.licence}"


def write_stylizer(
    trained: TrainedStylizer, place: Place, beside: Place, description: str | None = None
) -> Iterator[tuple[Path, Proven[list[Likeness]]]]:
    """Write the encoder into one place and the styliser into the other; each folder, and what it was proven by."""
    stylizer, said = trained.stylizer, description_of(trained.recipe.title, description)
    facts = {"recipe": trained.recipe.name, "licence": trained.licence}
    found = proven(
        lambda half: export_encoder(stylizer, half=half, facts=facts), lambda model: prove_encoder(stylizer, model)
    )
    about = About(beside.name, f"The statistics of a style, for {place.name}", _precisions(found), trained.licence)
    text = encoder_card(beside.name, place.name, trained, Evidence(found.model, found.proof))
    yield write_model(beside, FeedForwardInterface(about, stylizer), found.model, Card(text)), found
    found = proven(
        lambda half: export_stylizer(stylizer, half=half, facts=facts), lambda model: prove_stylizer(stylizer, model)
    )
    about = About(place.name, said, _precisions(found), trained.licence)
    text = stylizer_card(place.name, beside.name, trained, Evidence(found.model, found.proof))
    card = Card(text, {SAMPLES_FILE: stylizer_sheet(stylizer)})
    interface = FeedForwardInterface(about, stylizer, beside.name, named_styles(stylizer))
    yield write_model(place, interface, found.model, card), found


def export_features_run(folder: Path, place: Place, wishes: Wishes) -> Iterator[str]:
    """Write the model folder of a run of features, as `write_features` does, and say what came of it.

    Raises:
        TrainingError: no task is named, or as `write_features`.
    """
    task = check_task(wishes.task)
    features = load_features(folder)
    assert features.trained is not None
    description = description_of(SENTENCES[task], wishes.description)
    written, found = write_features(features, place, task, description)
    yield from _said(written, found)
    yield f"{written}: version {place.version}, {features.licence}"


def check_task(task: str | None) -> str:
    """What features are to serve. Raises TrainingError, naming what they can."""
    if task not in TASKS:
        raise TrainingError(f"--task {task or 'is missing'}: features serve {' or '.join(TASKS)}: which one?")
    return task


def write_features(
    features: Features, place: Place, task: str, description: str
) -> tuple[Path, Proven[list[Likeness]]]:
    """Write a model that optimises: style transfer or dreams, as the task says.

    Returns:
        The folder, and what its graph was proven by.

    Raises:
        TrainingError: the graph gives something else, or the folder cannot be written.
    """
    place.check()
    stack = features.stack
    facts = {"licence": features.licence}
    settings: StyleSettings | DreamSettings
    if task == STYLE_OPTIMIZATION:
        settings, program, export = gatys.settings_for(stack), "gatys.py", export_style_step
        picture = style_sheet(stack, settings)
    else:
        settings, program, export = dreams.settings_for(stack), "dream.py", export_dream_step
        picture = dream_sheet(stack)

    def build(half: bool) -> onnx.ModelProto:
        return export(stack, half=half, facts=facts)

    found = proven(build, lambda model: prove_step(stack, settings, model))
    about = About(place.name, description, _precisions(found), features.licence)
    text = step_card(place.name, features, settings, Evidence(found.model, found.proof), description)
    card, source = Card(text, {SAMPLES_FILE: picture}), (SERVED / program).read_text(encoding="utf-8")
    return write_model(place, StepInterface(about, stack, settings), found.model, card, source), found


def _precisions(found: Proven[list[Likeness]]) -> Sequence[str]:
    """The fastest first."""
    return tuple(dict.fromkeys(proof.precision for proof in reversed(found.proof)))


def _said(written: Path, found: Proven[list[Likeness]]) -> Iterator[str]:
    if found.refused:
        yield f"{written.name}: weights stay in float32, since half precision changes what is made: {found.refused}"
    for proof in found.proof:
        yield f"{written.name}: {proof.engine}, {proof.precision}: {proof.figures}"
