"""The same village by day and by night: two domains for translators without pairs.

The seed decides the place; the hour decides sky, light and what shines. So the place of a seed at both hours is a pair
that a translator never learns from, but can be compared with.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from training.render.camera import Camera, photograph
from training.render.canvas import Paint, ellipse, fill
from training.render.materials import Field, Random, colour, fractal_noise, vertical_gradient
from training.render.village import Village, build_village

Time = Literal["day", "night"]
TIMES: tuple[Time, ...] = ("day", "night")
"""The hours, in the order of their numbers."""

_FINER = 2
"""How much finer than the picture it is painted."""

_SKIES = (((0.30, 0.54, 0.86), (0.78, 0.88, 0.95)), ((0.46, 0.64, 0.86), (0.86, 0.90, 0.92)),
          ((0.64, 0.69, 0.75), (0.84, 0.86, 0.88)))  # fmt: skip
_NIGHTS = (((0.02, 0.03, 0.09), (0.11, 0.14, 0.28)), ((0.035, 0.04, 0.08), (0.15, 0.15, 0.23)),
           ((0.012, 0.02, 0.06), (0.07, 0.10, 0.21)))  # fmt: skip
_WARM = colour(1.0, 0.74, 0.42)


def render_country(seed: int, width: int, height: int, time: Time) -> NDArray[np.uint8]:
    """The village of a seed: the same pixels on every call and in every process.

    Args:
        seed: 0 or more; the place is the same whatever the time.
        width: in pixels.
        height: in pixels.
        time: "day" or "night".

    Returns:
        uint8 height x width x 3, red, green and blue.

    Raises:
        TrainingError: there is no such time.
    """
    if time not in TIMES:
        raise TrainingError(f"there is no time {time!r}; there are {', '.join(TIMES)}")
    place = build_village(np.random.default_rng((seed, 0xDA)), height * _FINER, width * _FINER)
    hour = np.random.default_rng((seed, TIMES.index(time), 0xDB))
    picture = _by_day(hour, place) if time == "day" else _by_night(hour, place)
    small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return photograph(small, _lens(hour, time), hour)


def _lens(rng: Random, time: Time) -> Camera:
    cast = rng.uniform(0.93, 1.07) * (1 + rng.normal(0, 0.02, 3))
    noise = rng.uniform(0.002, 0.008) if time == "day" else rng.uniform(0.004, 0.012)
    return Camera(
        gamma=float(rng.uniform(0.92, 1.1)),
        gain=(float(cast[0]), float(cast[1]), float(cast[2])),
        noise=float(noise),
    )


def _over(sky: Field, place: Village, light: Field) -> Field:
    """The lit village in front of a sky."""
    return np.asarray(sky * (1 - place.solid[..., 3:]) + place.solid[..., :3] * light, np.float32)


def _by_day(rng: Random, place: Village) -> Field:
    height, width = place.solid.shape[:2]
    number = int(rng.choice(3, p=(0.45, 0.3, 0.25)))
    above, below = _SKIES[number]
    sky = vertical_gradient(colour(*above), colour(*below), height, width)
    clouds = _clouds(rng, height, width, -0.7, 0.5)
    sky += (colour(0.97, 0.97, 0.96) - sky) * clouds
    if number < 2 and rng.random() < 0.35:
        spot = (float(rng.uniform(0.1, 0.9) * width), float(rng.uniform(0.08, 0.6) * place.horizon))
        _disc(sky, spot, 0.028 * height, (1.0, 0.97, 0.85), 5.0)
    warm = rng.normal(0.25, 0.3) if number < 2 else -0.1
    strength = rng.uniform(0.95, 1.12) if number < 2 else rng.uniform(0.78, 0.92)
    light = np.float32(strength) * colour(1 + 0.1 * warm, 1.0, 1 - 0.12 * warm)
    return _over(sky, place, np.asarray(light[None, None], np.float32))


def _by_night(rng: Random, place: Village) -> Field:
    """Moonlight on everything, and what windows and lamps give."""
    height, width = place.solid.shape[:2]
    above, below = _NIGHTS[int(rng.integers(len(_NIGHTS)))]
    sky = vertical_gradient(colour(*above), colour(*below), height, width)
    clear = rng.random() < 0.75
    if clear:
        _stars(rng, sky, place.horizon)
    clouds = _clouds(rng, height, width, *((0.2, 1.2) if clear else (-0.8, 0.2)))
    sky += (colour(0.13, 0.14, 0.20) - sky) * clouds
    moon = clear and rng.random() < 0.6
    if moon:
        spot = (float(rng.uniform(0.08, 0.92) * width), float(rng.uniform(0.12, 0.62) * place.horizon))
        _disc(sky, spot, 0.03 * height, (0.95, 0.95, 0.88), 3.0)
    strength = rng.uniform(0.24, 0.36) if moon else rng.uniform(0.15, 0.24)
    light = np.float32(strength) * colour(0.72, 0.86, 1.25) + _lamplight(place)[..., None] * _WARM
    picture = _over(sky, place, np.asarray(light, np.float32))
    return _with_glow(picture, place.shining, 0.02 * height)


def _lamplight(place: Village) -> Field:
    """What falls on the ground near lamps and houses: height x width, about 0..1."""
    height, width = place.solid.shape[:2]
    rows, columns = (np.arange(length, dtype=np.float32) + 0.5 for length in (height, width))
    total = np.zeros((height, width), np.float32)
    for (x, y), (across, along), strength in place.pools:
        near = np.exp(-(((columns - x) / across) ** 2))[None] * np.exp(-(((rows - y) / along) ** 2))[:, None]
        total += np.float32(0.75 * strength) * near
    return total


def _with_glow(picture: Field, shining: Field, reach: float) -> Field:
    """What shines, over the picture, and the haze of light around it."""
    strongest = shining.max(axis=2, keepdims=True)
    halo = cv2.GaussianBlur(shining, (0, 0), reach) * 0.7 + cv2.GaussianBlur(shining, (0, 0), 3 * reach) * 0.5
    return np.asarray(picture * (1 - strongest) + shining + halo * (1 - strongest), np.float32)


def _clouds(rng: Random, height: int, width: int, least: float, most: float) -> Field:
    """How much of the sky clouds cover, 0..0.85: height x width x 1."""
    noise = fractal_noise(rng, height, width, (max(3, height // 4), max(2, height // 11), max(2, height // 28)))
    stretched = cv2.resize(noise[:, : width // 2 + 1], (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(0.5 * stretched - rng.uniform(least, most), 0, 0.85), np.float32)[..., None]


def _stars(rng: Random, sky: Field, horizon: float) -> None:
    count = int(rng.integers(25, 90))
    rows, columns = (rng.random(count) ** 1.2 * horizon).astype(int), rng.integers(0, sky.shape[1], count)
    for row, column, bright in zip(rows, columns, rng.uniform(0.25, 0.95, count) ** 2, strict=True):
        # Two fine pixels wide: else a star nearly vanishes in the finished picture.
        sky[row : row + 2, column : column + 2] += colour(0.9, 0.92, 1.0) * np.float32(bright)


def _disc(
    sky: Field, centre: tuple[float, float], radius: float, tint: tuple[float, float, float], wide: float
) -> None:
    """Sun or moon with the bright air around it."""
    height, width = sky.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    squares = (columns + 0.5 - centre[0]) ** 2 + (rows + 0.5 - centre[1]) ** 2
    halo = np.exp(-np.sqrt(squares) / (wide * radius)).astype(np.float32)[..., None] * 0.45
    sky += (colour(*tint) - sky) * halo
    fill(sky, ellipse(centre, (radius, radius)), Paint(colour(*tint), 1.2))
