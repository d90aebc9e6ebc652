"""What a camera does to a scene: exposure, colour cast, lens blur, sensor noise, JPEG. Always the last step."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.materials import Field, Random


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera's settings.

    Attributes:
        gamma: exponent on pixels of 0..1; below 1 brightens.
        gain: factor of each of red, green and blue.
        vignette: how much darker the corners are, 0..1.
        blur: standard deviation in pixels; 0: none.
        noise: standard deviation of the noise at mid-grey, of 0..1.
        quality: JPEG quality, 1..100; 0: not compressed.
    """

    gamma: float = 1.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    quality: int = 0


def random_camera(rng: Random) -> Camera:
    """From a good camera in daylight to a poor one at dusk."""
    exposure = rng.uniform(0.78, 1.15)
    cast = exposure * (1 + rng.normal(0, 0.035, 3))
    return Camera(
        gamma=float(rng.uniform(0.8, 1.25)),
        gain=(float(cast[0]), float(cast[1]), float(cast[2])),
        vignette=float(rng.uniform(0, 0.3)) if rng.random() < 0.5 else 0.0,
        blur=float(rng.uniform(0.3, 1.1)) if rng.random() < 0.5 else 0.0,
        noise=float(rng.uniform(0.003, 0.03)),
        quality=int(rng.integers(45, 97)) if rng.random() < 0.85 else 0,
    )


def photograph(scene: Field, camera: Camera, rng: Random) -> NDArray[np.uint8]:
    """The picture that a camera takes of a scene: height x width x 3, red, green and blue, 0..1 in, 0..255 out."""
    picture: Field = np.asarray(cv2.pow(np.clip(scene, 0, 1), camera.gamma), np.float32)
    picture *= np.array(camera.gain, np.float32)
    if camera.vignette > 0:
        rows, columns = (np.linspace(-1, 1, length, dtype=np.float32) for length in scene.shape[:2])
        picture *= (1 - camera.vignette * 0.5 * (rows[:, None] ** 2 + columns[None, :] ** 2))[..., None]
    if camera.blur > 0:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), camera.blur), np.float32)
    if camera.noise > 0:
        # Shot noise: its variance grows with the light.
        strength = camera.noise * np.sqrt(0.3 + 1.4 * np.clip(picture, 0, 1))
        picture = picture + strength * rng.standard_normal(picture.shape, np.float32)
    pixels = np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8)
    return compressed(pixels, camera.quality) if camera.quality else pixels


def compressed(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """The pixels after one pass through JPEG: uint8 height x width x 3, red, green and blue."""
    _, encoded = cv2.imencode(".jpg", pixels[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1], np.uint8)
