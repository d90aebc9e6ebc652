"""From a run's translators to model folders, one for each direction: export, prove, describe, write."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.errors import TrainingError
from training.export.proving import Exported, proven
from training.export.repository import Card, Place, write_model
from training.export.sheet import SAMPLES_FILE, samples_png
from training.export.translators.card import Evidence, model_card
from training.export.translators.configuration import TranslatorInterface, sides_of
from training.export.translators.graph import export_graph
from training.export.translators.proof import BATCH, Expected, Likeness, expected, prove
from training.export.translators.trained import Examples, TrainedDirection, held_out, load_directions
from training.recipe import Data

PROVEN = 16
"""Held-out images that a graph is proven with."""

_SHOWN = 8
_LARGEST_CELL = 96


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person may want otherwise.

    Attributes:
        direction: the only one to export; None: all of the run.
        family: what the directions of one pair of domains share; None: the data's source.
        tile: side of the tiles that larger images are cut into or shrunk to, in pixels; None: as `sides_of` has it.
        data: the folder to take held-out images from; None: the run's own data.
        description: a sentence for people; None: the recipe's title.
    """

    direction: str | None = None
    family: str | None = None
    tile: int | None = None
    data: Path | None = None
    description: str | None = None


def export_run(folder: Path, place: Place, wishes: Wishes) -> Iterator[str]:
    """Write a model folder for each direction of a run, as `export_translator` does, and say what came of it.

    Args:
        folder: of the run.
        place: where the models go; without a name each direction goes into a folder of its own name.
        wishes: what is wanted otherwise.

    Raises:
        TrainingError: one name is given for several directions, or as `export_translator` does.
    """
    directions = load_directions(folder, wishes.direction)
    if place.name and len(directions) > 1:
        names = ", ".join(trained.direction for trained in directions)
        raise TrainingError(
            f"--name {place.name}: {folder} has the directions {names}: choose one with --direction, or leave out the "
            "name, so that each gets a folder of its own"
        )
    places = [place if place.name else replace(place, name=trained.direction) for trained in directions]
    for each in places:
        each.check()
    for trained, each in zip(directions, places, strict=True):
        exported = export_translator(trained, held_out(trained, PROVEN, wishes.data), each, wishes)
        yield from _said(exported, trained, each)


def export_translator(
    trained: TrainedDirection, examples: Examples, place: Place, wishes: Wishes = Wishes()
) -> Exported[list[Likeness]]:
    """Write the model folder of one direction.

    Args:
        trained: the network.
        examples: held-out images to prove and to show it by.
        place: where the model goes.
        wishes: what is wanted otherwise; `direction` and `data` are of `export_run`.

    Raises:
        TrainingError: the network does not export, the graph makes other images, or the folder cannot be written.
    """
    place.check()
    if wishes.description is not None and wishes.description.strip() == "":
        raise TrainingError("--description is empty: leave it out for the recipe's title")
    sides = sides_of(trained, wishes.tile)
    wanted = expected(trained, examples.inputs, sides.tile)
    facts = {"recipe": trained.recipe.name, "licence": trained.licence}
    result = proven(lambda half: export_graph(trained, half=half, facts=facts), lambda model: prove(wanted, model))
    precisions = dict.fromkeys(proof.precision for proof in reversed(result.proof))  # the fastest first
    interface = TranslatorInterface(
        name=place.name,
        family=wishes.family or family_of(trained.recipe.data),
        direction=trained.direction,
        opposite=trained.opposite,
        sides=sides,
        description=wishes.description or trained.recipe.title,
        precisions=tuple(precisions),
        licence=trained.licence,
    )
    text = model_card(interface, Evidence(trained, result.model, result.proof, examples))
    card = Card(text, {SAMPLES_FILE: _sheet(examples, wanted[0])})
    return Exported(write_model(place, interface, result.model, card), result.proof, result.refused)


def family_of(data: Data) -> str:
    """What the directions of one pair of domains share: the data's source, or both domains where it is a folder."""
    return "-".join(data.classes) if data.source == "folder" else data.source


def _said(exported: Exported[list[Likeness]], trained: TrainedDirection, place: Place) -> Iterator[str]:
    if exported.refused:
        yield f"weights stay in float32, since half precision changes what is made: {exported.refused}"
    for proof in exported.proof:
        yield (
            f"{proof.engine}, {proof.precision}: {proof.images} images are those of the network (within "
            f"{proof.mean:.3f} of 255 in the mean, {proof.worst} in a value; {proof.company} between alone and in a "
            f"batch of {BATCH})"
        )
    yield f"{exported.folder}: {trained.direction}, version {place.version}, {trained.licence}"


def _sheet(examples: Examples, made: Expected) -> bytes:
    """A row of what goes in, one of what comes out, and one of what was wanted where that is known."""
    rows = [made.inputs[:_SHOWN], made.outputs[:_SHOWN]]
    if examples.targets is not None:
        height, width = made.inputs.shape[1:3]
        rows.append(examples.targets[:_SHOWN, :height, :width])
    return samples_png(np.concatenate(rows), columns=len(rows[0]), largest_cell=_LARGEST_CELL)
