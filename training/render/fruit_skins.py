"""The skins of fruits: colour, gloss and unevenness of each point, by ripeness and a side that the sun has reached."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.fruit_shapes import Shape
from training.render.materials import Colour, Field, Random, colour
from training.render.solids import Points3, Surface, noise3


@dataclass(frozen=True, slots=True)
class Skin:
    """What n points of a surface are made of.

    Attributes:
        albedo: n x 3, 0..1.
        gloss: strength of the lamp's mirror image, 0..1.
        sharpness: of the mirror image.
        bump: n x 3, added to the normals.
        down: 0..1, how much fine hair brightens the edge.
    """

    albedo: Field
    gloss: float = 0.3
    sharpness: float = 40.0
    bump: Field | None = None
    down: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where n points are on a fruit: all that skins depend on.

    Attributes:
        points: 3 x n, in object coordinates.
        pole: n, angle from the stem's end in radians.
        sunny: n, 1 on the side that grew towards the sun, -1 opposite.
        phase: chooses the noises.
        ripe: 0..1.
        shape: the whole fruit.
    """

    points: Points3
    pole: Field
    sunny: Field
    phase: int
    ripe: float
    shape: Shape

    def noise(self, frequency: float, number: int) -> Field:
        """Noise in space, n; each number another."""
        return noise3(self.points, frequency, self.phase + number)

    def streaks(self, around: float, along: float, number: int) -> Field:
        """Noise drawn out from pole to pole, n."""
        across = np.maximum(np.sqrt(self.points[0] ** 2 + self.points[1] ** 2), 0.05)
        stretched = self.points * np.float32(along)
        stretched[:2] = self.points[:2] / across * np.float32(around)
        return noise3(stretched, 1.0, self.phase + number)

    def bumps(self, frequency: float, height: float) -> Field:
        """Dents in all directions, n x 3."""
        return noise3(self.points, frequency, self.phase + 90, 3) * np.float32(height)


def skin_of(kind: str, shape: Shape, surface: Surface, rng: Random) -> Skin:
    """The skin of a kind of fruit at the points of a surface."""
    points = surface.points
    pole = np.arctan2(np.sqrt(points[0] ** 2 + points[1] ** 2), points[2])
    sun = rng.normal(0, 1, 3).astype(np.float32)
    sun /= np.linalg.norm(sun)
    sunny = (sun @ points) / np.maximum(np.sqrt((points**2).sum(axis=0)), 1e-6)
    phase, ripe = int(rng.integers(1 << 30)), float(rng.beta(2.5, 2.0))
    skin = _SKINS[kind](Place(points, pole, sunny, phase, ripe, shape))
    tint = np.float32(rng.uniform(0.9, 1.08)) * (1 + rng.normal(0, 0.02, 3).astype(np.float32))
    return Skin(np.clip(skin.albedo * tint, 0, 1), skin.gloss, skin.sharpness, skin.bump, skin.down)


def _mix(first: Colour | Field, second: Colour | Field, share: Field | float | np.float32) -> Field:
    """From the first (share 0) to the second (1): n x 3."""
    weight = np.clip(np.asarray(share, np.float32), 0, 1)[..., None]
    return np.asarray(first + (second - first) * weight, np.float32)


def _step(value: NDArray[np.floating], width: float) -> Field:
    """0 far below zero, 1 far above, soft over a width."""
    return np.asarray(1 / (1 + np.exp(np.clip(-value / np.float32(width), -30, 30))), np.float32)


def _around(pole: Field, angle: float, width: float) -> Field:
    """1 at an angle from the stem's end, falling off over a width."""
    return np.asarray(np.exp(-(((pole - np.float32(angle)) / np.float32(width)) ** 2)), np.float32)


def _calyx_end(place: Place, albedo: Field, size: float) -> Field:
    """The dry remains of the flower opposite the stem."""
    return _mix(albedo, colour(0.17, 0.12, 0.07), 0.9 * _around(place.pole, np.pi, size))


def _freckles(place: Place, frequency: float, threshold: float, number: int) -> Field:
    return _step(place.noise(frequency, number) - np.float32(threshold), 0.12)


def _red_apple(place: Place) -> Skin:
    ground = _mix(colour(0.80, 0.76, 0.30), colour(0.90, 0.72, 0.28), place.ripe)
    red = _mix(colour(0.66, 0.10, 0.09), colour(0.50, 0.03, 0.06), _step(place.noise(1.6, 1), 0.8))
    covered = (
        0.8 * place.sunny
        + 0.35 * place.streaks(9, 0.6, 2)
        + 0.2 * place.streaks(20, 1.2, 5)
        + 0.5 * place.noise(1.3, 3)
    )
    albedo = _mix(ground, red, _step(covered + np.float32(0.2 + 1.5 * place.ripe), 0.3))
    albedo = _mix(albedo, colour(0.66, 0.60, 0.28), 0.8 * _around(place.pole, 0, 0.24))
    albedo = _mix(albedo, colour(0.92, 0.72, 0.55), 0.5 * _freckles(place, 27, 1.7, 4))
    return Skin(_calyx_end(place, albedo, 0.13), 0.62, 55)


def _green_apple(place: Place) -> Skin:
    albedo = _mix(colour(0.42, 0.62, 0.12), colour(0.68, 0.75, 0.24), place.ripe + 0.2 * place.noise(1.5, 1))
    blush = _step(place.sunny + 0.25 * place.noise(2, 2) - 0.85, 0.15) * np.float32(place.ripe)
    albedo = _mix(albedo, colour(0.78, 0.42, 0.22), 0.5 * blush)
    albedo = _mix(albedo, colour(0.45, 0.42, 0.18), 0.7 * _around(place.pole, 0, 0.2))
    albedo = _mix(albedo, colour(0.88, 0.93, 0.66), 0.6 * _freckles(place, 26, 1.6, 4))
    return Skin(_calyx_end(place, albedo, 0.13), 0.62, 60)


def _pear(place: Place) -> Skin:
    albedo = _mix(colour(0.52, 0.60, 0.18), colour(0.84, 0.74, 0.26), place.ripe + 0.2 * place.noise(1.3, 1))
    blush = _step(place.sunny + 0.3 * place.noise(1.7, 2) - 0.75, 0.2)
    albedo = _mix(albedo, colour(0.70, 0.34, 0.18), 0.45 * blush * np.float32(place.ripe))
    russet = _step(place.noise(5, 3) + 1.5 * _around(place.pole, 0, 0.35) - 1.3, 0.4)
    albedo = _mix(albedo, colour(0.50, 0.36, 0.17), 0.55 * russet + 0.55 * _freckles(place, 30, 1.2, 4))
    return Skin(_calyx_end(place, albedo, 0.16), 0.28, 25, place.bumps(5, 0.03))


def _banana(place: Place) -> Skin:
    end = np.abs(place.points[2])
    top = _step(place.points[2] - 0.62, 0.08)
    yellow = _mix(colour(0.84, 0.74, 0.16), colour(0.93, 0.74, 0.18), place.ripe + 0.1 * place.noise(2, 1))
    green = _step(end - np.float32(0.25 + 1.1 * place.ripe), 0.15)
    albedo = _mix(yellow, colour(0.55, 0.66, 0.18), green)
    ridge = np.cos(5 * np.arctan2(place.points[1], place.points[0] + 0.1))
    albedo = _mix(albedo, albedo * np.float32(0.86), _step(ridge - 0.75, 0.1))
    spots = _step(place.noise(11, 2) + 0.7 * place.noise(3, 3) - np.float32(3.2 - 2.0 * place.ripe), 0.15)
    albedo = _mix(albedo, colour(0.36, 0.21, 0.08), 0.8 * spots)
    albedo = _mix(albedo, colour(0.58, 0.58, 0.22), 0.5 * top)
    albedo = _mix(albedo, colour(0.16, 0.11, 0.07), _step(-place.points[2] - 0.80, 0.02))
    return Skin(_mix(albedo, colour(0.28, 0.2, 0.12), _step(place.points[2] - 0.88, 0.02)), 0.16, 14)


def _orange(place: Place) -> Skin:
    albedo = _mix(colour(0.93, 0.58, 0.10), colour(0.90, 0.42, 0.04), place.ripe + 0.15 * place.noise(1.5, 1))
    albedo = _mix(albedo, albedo * np.float32(0.86), _freckles(place, 31, 0.9, 2))
    button = _around(place.pole, 0, 0.07)
    albedo = _mix(_mix(albedo, albedo * 0.75, _around(place.pole, 0.1, 0.09)), colour(0.45, 0.48, 0.22), button)
    return Skin(_calyx_end(place, albedo, 0.045), 0.35, 22, place.bumps(29, 0.12))


def _lemon(place: Place) -> Skin:
    albedo = _mix(colour(0.86, 0.85, 0.22), colour(0.96, 0.80, 0.12), place.ripe + 0.15 * place.noise(1.5, 1))
    ends = _around(place.pole, 0, 0.4) + _around(place.pole, np.pi, 0.3)
    albedo = _mix(albedo, colour(0.62, 0.72, 0.20), ends * np.float32(1.1 * (1 - place.ripe)))
    albedo = _mix(albedo, albedo * np.float32(0.86), _freckles(place, 29, 1.0, 2))
    albedo = _mix(albedo, colour(0.40, 0.33, 0.15), _around(place.pole, 0, 0.045))
    return Skin(albedo, 0.32, 24, place.bumps(24, 0.09))


def _kiwi(place: Place) -> Skin:
    fuzz = 0.6 * place.streaks(30, 5, 1) + 0.6 * place.noise(20, 2)
    albedo = _mix(colour(0.30, 0.20, 0.10), colour(0.55, 0.40, 0.23), 0.5 + 0.28 * fuzz + 0.1 * place.noise(2, 3))
    albedo = _mix(albedo, colour(0.36, 0.36, 0.14), np.float32(0.45 * (1 - place.ripe)))
    ends = _around(place.pole, 0, 0.11) + _around(place.pole, np.pi, 0.09)
    return Skin(_mix(albedo, colour(0.14, 0.09, 0.05), 0.9 * ends), 0.03, 8, place.bumps(22, 0.12), 0.25)


def _plum(place: Place) -> Skin:
    albedo = _mix(colour(0.36, 0.07, 0.17), colour(0.13, 0.06, 0.17), place.ripe + 0.25 * place.noise(1.4, 1))
    bloom = _step(place.noise(2.0, 2) + 0.5 * place.noise(6, 3) - 0.1, 0.6)
    albedo = _mix(albedo, colour(0.50, 0.48, 0.66), 0.38 * bloom)
    albedo = _mix(albedo, colour(0.62, 0.45, 0.30), 0.45 * _freckles(place, 18, 2.0, 4))
    return Skin(albedo, 0.42, 30, None, 0.12)


def _peach(place: Place) -> Skin:
    albedo = _mix(colour(0.90, 0.78, 0.44), colour(0.96, 0.68, 0.34), place.ripe + 0.2 * place.noise(1.5, 1))
    blush = 0.8 * place.sunny + 0.35 * place.noise(1.8, 2) + 0.16 * place.streaks(9, 1.2, 3)
    albedo = _mix(albedo, colour(0.78, 0.20, 0.18), 0.85 * _step(blush - np.float32(0.45 - 0.6 * place.ripe), 0.3))
    albedo = _mix(albedo, albedo * np.float32(0.93), _freckles(place, 22, 0.6, 5))
    return Skin(_mix(albedo, colour(0.55, 0.30, 0.15), 0.7 * _around(place.pole, 0, 0.12)), 0.05, 8, None, 0.4)


def _strawberry(place: Place) -> Skin:
    albedo = _mix(colour(0.80, 0.16, 0.10), colour(0.64, 0.03, 0.05), place.ripe + 0.2 * place.noise(1.8, 1))
    shoulder = _around(place.pole, 0.1, 0.5 + 0.4 * (1 - place.ripe))
    albedo = _mix(albedo, colour(0.90, 0.72, 0.50), np.float32(0.9 - 0.7 * place.ripe) * shoulder)
    seeds = _seeds(150, 1.1)
    directions = place.points / np.maximum(np.sqrt((place.points**2).sum(axis=0)), 1e-6)
    closeness = seeds @ directions
    nearest = closeness.argmax(axis=0)
    angle = np.arccos(np.clip(closeness[nearest, np.arange(len(nearest))], -1, 1))
    albedo = _mix(albedo, albedo * np.float32(0.52), np.exp(-((angle / 0.10) ** 2)))
    albedo = _mix(albedo, colour(0.88, 0.74, 0.32), _step(0.048 - angle, 0.008))
    # A dent leans towards its seed on every side.
    lean = (directions - seeds[nearest].T) * np.exp(-((angle / 0.12) ** 2))
    return Skin(albedo, 0.5, 40, np.asarray(-3.0 * lean.T, np.float32))


def _seeds(count: int, squeeze: float) -> Field:
    """Directions spread evenly over a ball: count x 3."""
    number = np.arange(count) + 0.5
    height = 1 - 2 * number / count
    across, around = np.sqrt(1 - height**2), number * np.pi * (3 - np.sqrt(5))
    spread = np.stack((across * np.cos(around), across * np.sin(around), height * squeeze), axis=1)
    return np.asarray(spread / np.linalg.norm(spread, axis=1, keepdims=True), np.float32)


def _grape(place: Place) -> Skin:
    assert place.shape.parts is not None
    parts = place.shape.parts
    squares = (parts**2).sum(axis=1, keepdims=True) - 2 * (parts @ place.points)
    berry = squares.argmin(axis=0)
    own = np.random.default_rng((place.phase, 3)).normal(0, 0.3, len(parts)).astype(np.float32)[berry]
    albedo = _mix(colour(0.42, 0.09, 0.24), colour(0.16, 0.10, 0.34), np.float32(place.ripe) + own)
    bloom = _step(place.noise(4, 2) + own - 0.2, 0.6)
    return Skin(_mix(albedo, colour(0.56, 0.55, 0.76), 0.32 * bloom), 0.6, 40, None, 0.15)


_SKINS: dict[str, Callable[[Place], Skin]] = {
    "apple_red": _red_apple,
    "apple_green": _green_apple,
    "banana": _banana,
    "orange": _orange,
    "lemon": _lemon,
    "kiwi": _kiwi,
    "plum": _plum,
    "peach": _peach,
    "strawberry": _strawberry,
    "pear": _pear,
    "grape": _grape,
}
