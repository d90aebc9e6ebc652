"""Model cards of stylisers and dreams: what they do, with pictures, what was proven, and what they cannot do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx

from training.export.card import bullets, card_text, facts, scores, table
from training.export.graph import weights_in_half
from training.export.sheet import SAMPLES_FILE
from training.export.stylisers.proof import Likeness
from training.export.stylisers.styles import NAMES
from training.export.stylisers.trained import Features, TrainedStylizer
from training.stylisation.gatys import StyleSettings

FEW_PICTURES = (
    "Learned from the few photographs that scikit-image and scikit-learn carry and from patterns that a program draws: "
    "its features are those of a small network, far from those that a million photographs give."
)
ALWAYS = "Whoever passes its images on says that they are made."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a card reports beside the configuration: the graph, and how it was compared."""

    model: onnx.ModelProto
    proofs: Sequence[Likeness]


def encoder_card(name: str, stylizer: str, trained: TrainedStylizer, evidence: Evidence) -> str:
    """The card of the model that tells statistics of styles."""
    encoder = trained.stylizer.encoder
    about = {
        "Task": "`style-encoding`",
        "Made for": f"`{stylizer}`, which takes what it gives",
        "Network": f"a stack of convolutions to {encoder.stack.names[-1]}, channels of its levels "
        f"{', '.join(map(str, encoder.channels))}",
    }
    rows = [
        ("`IMAGE`", "UINT8 [height, width, 3]", f"RGB; sides are multiples of {trained.stylizer.multiple}"),
        ("`STATISTICS`", f"FP32 [{encoder.values}]", "means of all levels' maps, then their deviations"),
    ]
    sections = {
        "": facts(about, trained, evidence.model),
        "Inputs and outputs": table(("name", "type", "meaning"), rows),
        "The same as the trained network": _proofs(evidence.proofs),
        "Limits": bullets((FEW_PICTURES, "Statistics of one styliser mean nothing to another.")),
    }
    return card_text(name, trained, sections)


def stylizer_card(name: str, encoder: str, trained: TrainedStylizer, evidence: Evidence) -> str:
    """The card of the model that stylises in one pass."""
    stylizer = trained.stylizer
    values = stylizer.encoder.values
    about = {
        "Task": "`image-stylization`",
        "Encoder": f"`{encoder}`",
        "Styles by name": ", ".join(f"`{style}`" for style in NAMES) + "; any picture besides",
        "Network": f"AdaIN at {stylizer.encoder.stack.names[-1]}, {trained.parameters:,} weights",
    }
    rows = [
        ("`IMAGE`", "UINT8 [height, width, 3]", f"RGB; sides are multiples of {stylizer.multiple}"),
        ("`CONTENT`", f"FP32 [{values}]", "statistics of the whole image that `IMAGE` is, or is a tile of"),
        ("`STYLE`", f"FP32 [{values}]", "statistics of the style; weighted means of several mix them"),
        ("`STRENGTH`", "FP32 [1]", "0 for the content's own style .. 1"),
        ("`STYLIZED`", "UINT8 [height, width, 3]", "RGB, of the size of `IMAGE`"),
    ]
    sections = {
        "": f"![contents, styles and results]({SAMPLES_FILE})\n\nContents in the first row, styles in the second, "
        "results in the third; not one was chosen.\n\n" + facts(about, trained, evidence.model),
        "Inputs and outputs": table(("name", "type", "meaning"), rows) + "\n\nNothing is normalised over the image "
        "inside, so tiles of an image that share its statistics fit each other.",
        "Measured": _measured(trained),
        "The same as the trained network": _proofs(evidence.proofs),
        "Limits": bullets((FEW_PICTURES, "Large forms of a style do not fit into statistics and get lost.", ALWAYS)),
    }
    return card_text(name, trained, sections)


def step_card(name: str, features: Features, settings: object, evidence: Evidence, description: str) -> str:
    """The card of a model that optimises: style transfer, or dreams."""
    styles = isinstance(settings, StyleSettings)
    stack = features.stack
    about = {
        "Task": "`style-optimization`" if styles else "`image-dreaming`",
        "Features": features.origin,
        "Layers": ", ".join(f"`{layer.name}` ({layer.channels})" for layer in stack.layers),
    }
    picture = (
        "Contents in the first row, styles in the second, results in the third"
        if styles
        else f"What {PICTURED} channels of `{stack.layers[-1].name}` want to see, evenly chosen by their numbers"
    )
    sections = {
        "": f"![{picture.lower()}]({SAMPLES_FILE})\n\n{picture}; not one was chosen.\n\n"
        + _step_facts(about, features, evidence.model),
        "How it works": STYLE_METHOD if styles else DREAM_METHOD,
        "The same as with torch": _proofs(evidence.proofs),
        "Limits": bullets(_step_limits(features)),
    }
    texts = [f"## {heading}\n\n{text}" if heading else text for heading, text in sections.items()]
    return f"# {name}\n\n{description}.\n\n" + "\n\n".join(texts) + "\n"


PICTURED = 16

STYLE_METHOD = """`model.py` is an optimiser, Adam on the pixels, around `step.onnx`, which gives Gatys' losses and
their gradient with the backward pass written out; it needs numpy and onnxruntime or OpenVINO, no torch. It answers
after every step, and ends before the next one when its caller has gone. Layers are compared each at its own scale,
which is 1 on average over photographs, so the default weights hold for other features too."""

DREAM_METHOD = """The four steps of the algorithm: forward to the chosen layers; their gradient is their activations,
or with a guide what the guide shows there; backward to the image; change the image. `step.onnx` does the first three,
`model.py` the fourth, octave by octave and in tiles, so that memory does not grow with the image; it needs numpy,
OpenCV and onnxruntime or OpenVINO, no torch. It answers after every step, and ends before the next one when its caller
has gone. Octaves that would be smaller than the network takes are left out."""


def _step_facts(about: Mapping[str, str], features: Features, model: onnx.ModelProto) -> str:
    if features.trained is not None:
        return facts(about, features.trained, model)
    stored = "half precision, computed with in float32" if weights_in_half(model) else "float32"
    rows = {
        **about,
        "File": f"{len(model.SerializeToString()) / 1e6:.1f} MB; weights are stored in {stored}",
        "Licence": features.licence,
    }
    return table(("", ""), list(rows.items()))


def _step_limits(features: Features) -> list[str]:
    limits = [ALWAYS]
    if features.trained is not None:
        limits.insert(0, FEW_PICTURES)
        if features.trained.recipe.model.options.get("frozen"):
            limits.insert(0, "Its features are random: what it shows is texture, never a thing.")
    return limits


def _measured(trained: TrainedStylizer) -> str:
    measured = scores(trained)
    if not measured:
        return "Nothing: this network's run has no summary."
    return (
        f"{measured}\n\nOn held-out pairs: `style left` of the Gram matrices' difference between content and style, "
        "`content lost` of the content's forms in the deepest layer, both 0 to 1; the score is "
        "sqrt((1 - style left) x (1 - content lost))."
    )


def _proofs(proofs: Sequence[Likeness]) -> str:
    rows = [(proof.engine, proof.precision, proof.figures) for proof in proofs]
    return table(("engine", "precision", "on photographs of two sizes"), rows)
