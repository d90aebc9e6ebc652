"""Real images that every machine has: those on which features are brought to one scale, and exports are proven."""

import cv2
import numpy as np
import torch
from torch import Tensor

from training.data.photographs import SCENES, photograph


def reference_images(side: int) -> Tensor:
    """The middle of each bundled photograph of everyday things, float32 (n, 3, side, side) in -1..1."""
    pictures = []
    for name in SCENES:
        pixels = photograph(name)
        height, width = pixels.shape[:2]
        square = min(height, width)
        top, left = (height - square) // 2, (width - square) // 2
        cut = pixels[top : top + square, left : left + square]
        pictures.append(cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
