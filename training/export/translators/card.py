"""A translator's model card: what it makes of what, with samples, what was measured, and what it cannot do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx

from training.export.card import bullets, card_text, facts, from_outside, scores, table
from training.export.sheet import SAMPLES_FILE
from training.export.translators.configuration import LARGEST_BATCH, Sides, TranslatorInterface
from training.export.translators.graph import IMAGE, TRANSLATED
from training.export.translators.proof import (
    ALONE_TOLERANCE,
    BATCH,
    MEAN_TOLERANCE,
    WORST_TOLERANCE,
    Likeness,
)
from training.export.translators.trained import Examples, TrainedDirection

PHOTOGRAPHS = ("edges", "colorize")
"""Sources that are made of real photographs."""

RENDERED = (
    "Learned from pictures that a program draws, not from one photograph: of real ones it makes what the program's "
    "would have become. For photographs, train the same recipe on some (`--data DIR`)."
)
FEW_PHOTOGRAPHS = (
    "Learned from crops of the few photographs that scikit-image and scikit-learn carry: it knows their colours and "
    "textures, and hardly any others. Train the same recipe on more (`--data DIR`)."
)
FOLDER = "Learned from one set of images: it knows their like (camera, light, scenes), and nothing else."
PAIRED = "What cannot be seen in the image is made up so that it looks likely; nothing of it is measured or surveyed."
UNPAIRED = (
    "Nobody told it what belongs to what: it changes colours and textures and keeps shapes, and where the image shows "
    "nothing of the domain it changes what it finds.",
    "It may hide in the image what it needs for the way back.",
)
ALWAYS = "Whoever passes its images on says that they are made."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the card reports beside the configuration: the run, the graph, how both were compared, and on what."""

    trained: TrainedDirection
    model: onnx.ModelProto
    proofs: Sequence[Likeness]
    examples: Examples


def model_card(interface: TranslatorInterface, evidence: Evidence) -> str:
    """The text of the folder's `README.md`."""
    trained = evidence.trained
    given, made = (domain.replace("_", " ") for domain in trained.domains)
    about = {
        "Task": "`image-translation`",
        "Direction": f"`{interface.direction}`, of the family `{interface.family}`; back: `{interface.opposite}`",
        "Network": f"`{trained.recipe.model.name}`, trained at {trained.recipe.model.size} px, "
        f"{trained.parameters:,} weights",
    }
    sections = {
        "": _samples(given, made, evidence.examples) + "\n\n" + facts(about, trained, evidence.model),
        "Inputs and outputs": _interface(given, made, interface.sides),
        "Measured": _measured(trained),
        "The same as the trained network": _proofs(evidence.proofs),
        "Limits": bullets(_limits(evidence, interface.sides)),
    }
    return card_text(interface.name, trained, sections)


def _samples(given: str, made: str, examples: Examples) -> str:
    told = "" if examples.targets is None else f"; below it the {made} that belongs to it"
    return (
        f"![{given} above, {made} below]({SAMPLES_FILE})\n\nThe first held-out images; above what goes in ({given}), "
        f"in the second row what comes out ({made}){told}. Not one was chosen."
    )


def _interface(given: str, made: str, sides: Sides) -> str:
    rows = [
        (f"`{IMAGE}`", "UINT8 [height, width, 3]", f"{given}, RGB"),
        (f"`{TRANSLATED}`", "UINT8 [height, width, 3]", f"{made}, RGB, of the same height and width"),
    ]
    beyond = (
        f"cuts larger images into tiles of {sides.tile} that overlap by {sides.overlap} and blends their seams"
        if sides.large == "tile"
        else f"shrinks larger images until the longer side has {sides.tile} and scales what comes out back"
    )
    return (
        table(("name", "type", "meaning"), rows)
        + f"\n\nSides are multiples of {sides.multiple} pixels and at least {sides.least}; up to {LARGEST_BATCH} "
        "images of one size at once, none of which depends on the others. The translator service takes other sizes: it "
        f"mirrors an image at its edges as far as needed, cuts what comes out back to size, and {beyond}."
    )


def _measured(trained: TrainedDirection) -> str:
    measured = scores(trained)
    if not measured:
        return "Nothing: this network's run has no summary."
    summary = trained.summary
    return (
        f"{measured}\n\nOn held-out images. The weights are those of epoch {summary['best']['epoch']}, the best by "
        f"`{summary['metric']}`."
    )


def _proofs(proofs: Sequence[Likeness]) -> str:
    rows = [
        (
            proof.engine,
            proof.precision,
            f"{proof.mean:.3f} of 255",
            f"{proof.worst} of 255",
            f"{proof.company} of 255",
        )
        for proof in proofs
    ]
    header = ("engine", "precision", "mean difference of the worst image", "largest of a value", "alone or in a batch")
    how = (
        f"{proofs[0].images} images of three sizes. At f32 {MEAN_TOLERANCE['f32']:g} of 255 in the mean and "
        f"{WORST_TOLERANCE} in a value are allowed, at bf16 {MEAN_TOLERANCE['bf16']:g} in the mean. The last column: "
        f"by how much an image alone differs from the same in a batch of {BATCH}; {ALONE_TOLERANCE} is allowed at f32."
    )
    return table(header, rows) + f"\n\n{how}"


def _limits(evidence: Evidence, sides: Sides) -> Iterable[str]:
    trained = evidence.trained
    if from_outside(trained):
        yield FOLDER
    else:
        yield FEW_PHOTOGRAPHS if trained.recipe.data.source in PHOTOGRAPHS else RENDERED
    if evidence.examples.targets is None:
        yield from UNPAIRED
    else:
        yield PAIRED
    if sides.large == "shrink":
        yield (
            f"It normalises by statistics of the whole image, so that it cannot work in tiles: of an image larger than "
            f"{sides.tile} pixels only what is left of it at that size is translated."
        )
    yield ALWAYS
