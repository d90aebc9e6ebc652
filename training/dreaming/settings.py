"""How a dream is dreamt where nobody says otherwise."""

from dataclasses import dataclass

from training.features.stack import FeatureStack


@dataclass(frozen=True, slots=True)
class DreamSettings:
    """Defaults of a dream.

    Attributes:
        layers: that are strengthened, alike.
        octaves: sizes, from the smallest up.
        octave_scale: from one to the next.
        steps: at each size.
        step_size: mean change of a pixel in one step, of 0..1.
    """

    layers: tuple[str, ...]
    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 20
    step_size: float = 0.02


def settings_for(stack: FeatureStack) -> DreamSettings:
    """The last layer but one stage: deep enough for forms, and not so deep that they fill the image."""
    stage = max(0, len(stack.plan) - 2)
    return DreamSettings((next(layer.name for layer in reversed(stack.layers) if layer.stage == stage),))
