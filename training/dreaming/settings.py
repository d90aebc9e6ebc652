"""How a dream is dreamt where nobody says otherwise."""

from dataclasses import dataclass

from training.features.stack import FeatureStack


@dataclass(frozen=True, slots=True)
class DreamSettings:
    """Defaults of a dream.

    Attributes:
        layers: that are strengthened, alike.
        octaves: sizes, from the smallest up.
        octave_scale: from one to the next; a large one leaves each octave something of its own to find.
        steps: at each size.
        step_size: mean change of a pixel in one step, of 0..1.
    """

    layers: tuple[str, ...]
    octaves: int = 3
    octave_scale: float = 2.0
    steps: int = 20
    step_size: float = 0.015


def settings_for(stack: FeatureStack) -> DreamSettings:
    """The deepest layer: in small networks it alone sees forms, and the others edges and colours."""
    return DreamSettings((stack.layers[-1].name,))
