"""The real photographs that scikit-image and scikit-learn carry: for stylisers, and for pairs made of one picture.

They are read from the packages' folders; nothing is ever downloaded.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.class_folders import read_upright
from training.data.faults import Findings
from training.errors import TrainingError

_FILES = {
    "astronaut": ("skimage.data", "astronaut.png"),
    "cat": ("skimage.data", "chelsea.png"),
    "coffee": ("skimage.data", "coffee.png"),
    "motorcycle": ("skimage.data", "motorcycle_left.png"),
    "rocket": ("skimage.data", "rocket.jpg"),
    "temple": ("sklearn.datasets.images", "china.jpg"),
    "flower": ("sklearn.datasets.images", "flower.jpg"),
    "galaxies": ("skimage.data", "hubble_deep_field.jpg"),
    "tissue": ("skimage.data", "ihc.png"),
    "retina": ("skimage.data", "retina.jpg"),
    "brick": ("skimage.data", "brick.png"),
    "cameraman": ("skimage.data", "camera.png"),
    "coins": ("skimage.data", "coins.png"),
    "grass": ("skimage.data", "grass.png"),
    "gravel": ("skimage.data", "gravel.png"),
    "moon": ("skimage.data", "moon.png"),
}

PHOTOGRAPHS = tuple(_FILES)
"""The names of all."""

SCENES = PHOTOGRAPHS[:7]
"""Those of everyday things, in colour."""

COLOURED = PHOTOGRAPHS[:10]
"""Those that are not grey."""


def photograph(name: str) -> NDArray[np.uint8]:
    """One of the photographs, by its name.

    Returns:
        uint8 (height, width, 3), RGB, sides of 300 to 1411 pixels; grey ones have three equal channels.

    Raises:
        TrainingError: there is no such photograph, or the installed package does not carry it.
    """
    if name not in _FILES:
        raise TrainingError(f"there is no photograph '{name}'; there are {', '.join(PHOTOGRAPHS)}")
    package, file_name = _FILES[name]
    file = Path(str(files(package).joinpath(file_name)))
    if not file.is_file():
        raise TrainingError(f"{file}: the photograph '{name}' is not there: another version of the package carries it")
    pixels = read_upright(file, Findings(strict=True))
    if pixels is None:
        raise TrainingError(f"{file}: the photograph '{name}' cannot be read")
    return pixels
