"""From a run's generator to a model folder: export, prove, describe, write."""

from collections.abc import Iterator
from pathlib import Path

from training.errors import TrainingError
from training.export.generators.card import Evidence, model_card
from training.export.generators.configuration import GeneratorInterface
from training.export.generators.graph import export_graph
from training.export.generators.proof import BATCHES, Likeness, expected, prove
from training.export.generators.trained import TrainedGenerator, load_generator
from training.export.proving import Exported, proven
from training.export.repository import Card, Place, write_model
from training.export.sheet import SAMPLES_FILE, samples_png


def export_run(folder: Path, place: Place, *, critic: bool, description: str | None) -> Iterator[str]:
    """Write the model folder of a run, as `export_generator` does, and say what came of it.

    Args:
        folder: of the run.
        place: where the model goes.
        critic: export the critic too.
        description: a sentence for people; None: the recipe's title.
    """
    trained = load_generator(folder, critic=critic)
    exported = export_generator(trained, place, description)
    if exported.refused:
        yield f"weights stay in float32, since half precision changes what is made: {exported.refused}"
    for proof in exported.proof:
        yield (
            f"{proof.engine}, {proof.precision}: {proof.images} images are those of the network (pixels within "
            f"{proof.worst} of 255), {proof.alone} of them the same alone as in batches of up to {BATCHES[0]}"
        )
    yield f"{exported.folder}: version {place.version}, {trained.licence}"


def export_generator(
    trained: TrainedGenerator, place: Place, description: str | None = None
) -> Exported[list[Likeness]]:
    """Write the model folder of a trained generator.

    Raises:
        TrainingError: a network does not export, the graph makes other images, or the folder cannot be written.
    """
    place.check()
    if description is not None and description.strip() == "":
        raise TrainingError("--description is empty: leave it out for the recipe's title")
    facts = {"recipe": trained.recipe.name, "licence": trained.licence}
    result = proven(
        lambda half: export_graph(trained, half=half, facts=facts),
        lambda model: prove(trained, model),
    )
    precisions = dict.fromkeys(proof.precision for proof in reversed(result.proof))  # the fastest first
    interface = GeneratorInterface(
        name=place.name,
        labels=trained.classes,
        latent=trained.latent,
        description=description or trained.recipe.title,
        precisions=tuple(precisions),
        licence=trained.licence,
    )
    text = model_card(interface, Evidence(trained, result.model, result.proof))
    card = Card(text, {SAMPLES_FILE: samples_png(expected(trained).pixels)})
    return Exported(write_model(place, interface, result.model, card), result.proof, result.refused)
