"""A generator's model card: what it makes, with samples, what was measured and how, and what it cannot do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx

from training.export.card import bullets, card_text, facts, from_outside, scores, table
from training.export.generators.configuration import GeneratorInterface
from training.export.generators.graph import IMAGE, LABEL, LATENT, REALNESS, image_shape
from training.export.generators.proof import BATCHES, PIXEL_TOLERANCE, REALNESS_TOLERANCE, SEEDS, Likeness
from training.export.generators.trained import TrainedGenerator
from training.export.sheet import SAMPLES_FILE
from training.recipe import Adversarial

OUR_DATA = {
    "digits": "Learned from the few handwritten digits that scikit-learn carries: it knows the hands of those who "
    "wrote them, scanned at 8 x 8 pixels and scaled up."
}
RENDERED = (
    "Learned from pictures that a program draws: it shows what that program can draw, and nothing else. Not one "
    "photograph was used. For photographs, train the same recipe on some (`--data DIR`)."
)
FOLDER = "Learned from one set of images: it shows their like (camera, light, background), and nothing else."
ALWAYS = (
    "Its images show nothing that exists or happened; whoever passes them on says that they are made.",
    "It may repeat training images more or less: look at their nearest neighbours before you publish its images.",
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the card reports beside the configuration: the run, the graph, and how both were compared."""

    trained: TrainedGenerator
    model: onnx.ModelProto
    proofs: Sequence[Likeness]


def model_card(interface: GeneratorInterface, evidence: Evidence) -> str:
    """The text of the folder's `README.md`."""
    trained, model = evidence.trained, evidence.model
    recipe, latent = trained.recipe, interface.latent
    about = {
        "Task": "`image-generation`",
        "Classes": ", ".join(f"`{label}`" for label in interface.labels),
        "Network": f"`{recipe.model.name}` for {recipe.model.size} px, {trained.parameters:,} weights",
        "Latent space": f"{latent.size} values, "
        + ("normal, mean 0, deviation 1" if latent.distribution == "normal" else "uniform, -1 to 1"),
        "Players": _players(recipe.adversarial) if recipe.adversarial else "",
    }
    sections = {
        "": _samples(trained) + "\n\n" + facts(about, trained, model),
        "Inputs and outputs": _interface(interface, evidence),
        "Measured": _measured(trained),
        "The same as the trained network": _proofs(evidence.proofs),
        "Limits": bullets(_limits(trained)),
    }
    return card_text(interface.name, trained, sections)


def _samples(trained: TrainedGenerator) -> str:
    classes = ", the classes asked for in turn" if trained.classes else ""
    return (
        f"![{len(SEEDS)} images]({SAMPLES_FILE})\n\nThe first image of each seed from {SEEDS[0]} to {SEEDS[-1]}, "
        f"row by row{classes}; not one was chosen."
    )


def _players(settings: Adversarial) -> str:
    steps = f"{settings.critic_steps} : {settings.generator_steps}"
    augmented = f", critic sees images varied by {', '.join(settings.augment)}" if settings.augment else ""
    return f"{settings.loss} loss, updates of critic to generator {steps}{augmented}"


def _interface(interface: GeneratorInterface, evidence: Evidence) -> str:
    height, width, channels = image_shape(evidence.model)
    colour = "RGB" if channels == 3 else "grey"
    rows = [(f"`{LATENT}`", f"FP32 [{interface.latent.size}]", "drawn as the latent space says")]
    if interface.labels:
        rows.append((f"`{LABEL}`", "INT64 [1]", "the class, a line of `labels.txt` counted from 0"))
    rows.append((f"`{IMAGE}`", f"UINT8 [{height}, {width}, {channels}]", f"{colour}, ready to be encoded"))
    text = "Any number of images at once; none depends on the others."
    settings = evidence.trained.recipe.adversarial
    if evidence.trained.critic is not None and settings is not None:
        rows.append((f"`{REALNESS}`", "FP32 [1]", "0..1: how probable the critic finds it that the image is real"))
        text += (
            f" The critic learned to say {settings.real_label:g} of real images and {settings.fake_label:g} of made "
            "ones, and it knows no made ones but this generator's."
        )
    return table(("name", "type", "meaning"), rows) + f"\n\n{text}"


def _measured(trained: TrainedGenerator) -> str:
    measured = scores(trained)
    if not measured:
        return "Nothing: this network's run has no summary."
    judge = trained.recipe.judge
    how = (
        f"The weights are those of epoch {trained.summary['best']['epoch']}, the best by `{trained.summary['metric']}`."
    )
    if judge is not None:
        how = (
            f"{judge.images:,} images, judged by the classifier of `training/recipes/{judge.recipe}.toml`, which was "
            "trained on real ones: distances are between its features of made and of held-out real images. They are no "
            f"Inception distances and compare with none that were published. {how}"
        )
    return f"{measured}\n\n{how}"


def _proofs(proofs: Sequence[Likeness]) -> str:
    rows = [
        (
            proof.engine,
            proof.precision,
            f"{proof.worst} of 255",
            f"{proof.differing:.2%}",
            "-" if proof.realness is None else f"{proof.realness:.4f}",
            f"{proof.alone} of {proof.images}",
        )
        for proof in proofs
    ]
    header = (
        "engine",
        "precision",
        "largest difference of a pixel",
        "pixels that differ",
        "of realness",
        "the same alone",
    )
    how = (
        f"{proofs[0].images} images; at most {PIXEL_TOLERANCE} of 255 are allowed, and {REALNESS_TOLERANCE:g} of "
        f"realness. The last column: how many have the same bytes alone and in batches of up to "
        f"{BATCHES[0]}; in OpenVINO, which serves them on CPUs, all must."
    )
    return table(header, rows) + f"\n\n{how}"


def _limits(trained: TrainedGenerator) -> Iterable[str]:
    data = trained.recipe.data
    yield FOLDER if from_outside(trained) else OUR_DATA.get(data.source, RENDERED)
    if not trained.classes and len(data.classes) > 1:
        kinds = ", ".join(data.classes)
        yield f"It cannot be asked for one of its {len(data.classes)} kinds ({kinds}): the seed decides."
    yield from ALWAYS
