"""The styles that a styliser knows by name: patterns, as the numbers that its encoder makes of them."""

import numpy as np
import torch

from training.render.patterns import render_pattern
from training.stylisation.adain import Stylizer

NAMES = ("bricks", "marble", "petals", "strokes", "waves", "wood")
"""Kinds of patterns whose looks differ most; any other style is a picture away."""

_SIDE, _SEED = 256, 7
_DIGITS = 4
"""Significant ones of a number: a picture's own pixels do not say more."""


def named_styles(stylizer: Stylizer) -> dict[str, list[float]]:
    """The code of each named style, `stylizer.encoder.values` numbers."""
    pixels = np.stack([render_pattern(_SEED, _SIDE, _SIDE, name) for name in NAMES])
    with torch.no_grad():
        codes = stylizer.encoder.code(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1)
    return {
        name: [float(f"{value:.{_DIGITS}g}") for value in code]
        for name, code in zip(NAMES, codes.tolist(), strict=True)
    }
