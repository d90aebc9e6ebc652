"""The measures of cows and horses: middle lines and radii of their parts, in shares of the withers' height.

x goes towards the head, y up from the ground.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Kind = Literal["cow", "horse"]
Knots = Sequence[tuple[float, float, float]]


class Role(IntEnum):
    """What a part is made of."""

    HIDE = 0
    LEG = 1
    FACE = 2
    HOOF = 3
    HORN = 4
    HAIR = 5
    SKIN = 6
    EYE = 7


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind's measures: knots are (x, y, radius), the trunk's (x, top, bottom)."""

    trunk: Knots
    neck: Knots
    head: Knots
    fore: Knots
    hind: Knots
    apart: float
    poll: tuple[float, float]
    eye: tuple[float, float, float]
    narrow: float


PLANS: dict[Kind, Plan] = {
    "horse": Plan(
        trunk=(
            *((-0.46, 0.90, 0.72), (-0.38, 0.965, 0.60), (-0.24, 0.985, 0.56), (-0.06, 0.945, 0.525)),
            *((0.10, 0.950, 0.505), (0.24, 0.995, 0.505), (0.36, 0.94, 0.54), (0.43, 0.86, 0.60)),
        ),
        neck=(
            *((0.26, 0.80, 0.19), (0.38, 0.95, 0.155), (0.49, 1.10, 0.118)),
            *((0.575, 1.24, 0.095), (0.635, 1.33, 0.08)),
        ),
        head=(
            *((0.635, 1.345, 0.078), (0.70, 1.275, 0.094), (0.77, 1.18, 0.072)),
            *((0.85, 1.06, 0.054), (0.875, 1.01, 0.05)),
        ),
        fore=(
            *((0.33, 0.70, 0.15), (0.29, 0.54, 0.088), (0.30, 0.42, 0.058), (0.30, 0.31, 0.043)),
            *((0.30, 0.20, 0.029), (0.30, 0.11, 0.034), (0.325, 0.055, 0.03)),
        ),
        hind=(
            *((-0.33, 0.78, 0.185), (-0.29, 0.60, 0.13), (-0.35, 0.46, 0.076), (-0.43, 0.35, 0.047)),
            *((-0.42, 0.22, 0.033), (-0.41, 0.11, 0.037), (-0.385, 0.055, 0.032)),
        ),
        apart=0.115,
        poll=(0.63, 1.41),
        eye=(0.705, 1.315, 0.068),
        narrow=0.85,
    ),
    "cow": Plan(
        trunk=(
            *((-0.60, 0.955, 0.75), (-0.52, 0.99, 0.58), (-0.34, 0.985, 0.50), (-0.10, 0.965, 0.455)),
            *((0.14, 0.96, 0.43), (0.34, 0.985, 0.43), (0.48, 0.96, 0.47), (0.57, 0.88, 0.54)),
        ),
        neck=((0.42, 0.76, 0.22), (0.57, 0.83, 0.175), (0.69, 0.91, 0.14), (0.77, 0.97, 0.115)),
        head=(
            *((0.775, 1.015, 0.10), (0.84, 0.955, 0.112), (0.92, 0.865, 0.088)),
            *((0.985, 0.785, 0.073), (1.01, 0.755, 0.07)),
        ),
        fore=(
            *((0.42, 0.62, 0.16), (0.40, 0.46, 0.095), (0.41, 0.35, 0.066), (0.41, 0.26, 0.055)),
            *((0.405, 0.17, 0.040), (0.40, 0.10, 0.045), (0.42, 0.055, 0.042)),
        ),
        hind=(
            *((-0.46, 0.74, 0.20), (-0.40, 0.55, 0.145), (-0.47, 0.41, 0.083), (-0.545, 0.30, 0.058)),
            *((-0.535, 0.19, 0.044), (-0.525, 0.10, 0.047), (-0.505, 0.055, 0.044)),
        ),
        apart=0.15,
        poll=(0.755, 1.10),
        eye=(0.855, 1.0, 0.088),
        narrow=0.9,
    ),
}  # fmt: skip
