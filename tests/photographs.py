"""Real photographs that come inside installed packages, for tests and acceptance."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def zidane() -> Path:
    """1280x720, two men: the left face turned away, the right one frontal."""
    return _ultralytics("zidane.jpg")


def bus() -> Path:
    """810x1080, a street with a bus; two faces of about 40 pixels can be seen."""
    return _ultralytics("bus.jpg")


def astronaut() -> Path:
    """512x512, one frontal face."""
    return _package("skimage") / "data" / "astronaut.png"


def pixels(photograph: Path) -> NDArray[np.uint8]:
    """RGB, shape (height, width, 3)."""
    return np.asarray(Image.open(photograph).convert("RGB"))


def _ultralytics(name: str) -> Path:
    return _package("ultralytics") / "assets" / name


def _package(name: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"the package '{name}', whose photographs the tests need, is not installed: make install")
    return Path(next(iter(spec.submodule_search_locations)))
