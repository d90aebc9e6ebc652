"""How translated images differ from what they should be: errors, sharpness, classes of a map. All on uint8 pixels."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.metrics.images import to_pixels, to_tensor
from training.render.maps import nearest_class

Pixels = NDArray[np.uint8]

BATCH = 16
"""Images computed at once."""
FINE = 1.0
"""Deviation in pixels of the blur that takes fine detail away."""
LEAST_ERROR = 1e-10
"""Mean square error that equal images count with: 100 dB."""


@torch.no_grad()
def translate_pixels(generator: nn.Module, pixels: Pixels) -> Pixels:
    """What a translator makes of images, as a server would answer it.

    Args:
        generator: takes and gives float32 (n, 3, height, width) in -1..1; it is used in evaluation mode and left in the
            mode that it was in.
        pixels: uint8 (n, height, width, 3).

    Returns:
        uint8 of the same shape, rounded.
    """
    device = next((parameter.device for parameter in generator.parameters()), torch.device("cpu"))
    training = generator.training
    generator.eval()
    parts = [
        to_pixels(generator(to_tensor(pixels[start : start + BATCH]).to(device)))
        for start in range(0, len(pixels), BATCH)
    ]
    generator.train(training)
    return np.concatenate(parts) if parts else pixels[:0]


def mean_difference(first: Pixels, second: Pixels) -> float:
    """L1: the mean distance of values, as a share of their range, 0..1. Both uint8 (n, height, width, 3)."""
    return float(np.mean([np.abs(a.astype(np.int16) - b).mean() for a, b in zip(first, second, strict=True)]) / 255)


def signal_to_noise(made: Pixels, real: Pixels) -> float:
    """PSNR in dB, mean over images; equal images count 100 dB. Both uint8 (n, height, width, 3)."""
    errors = [np.mean((a.astype(np.float32) - b) ** 2) / 255**2 for a, b in zip(made, real, strict=True)]
    return float(np.mean(-10 * np.log10(np.maximum(errors, LEAST_ERROR))))


def class_agreement(made: Pixels, real: Pixels, palette: Pixels) -> float:
    """Share of pixels, 0..1, whose nearest colour of a palette, uint8 (k, 3), is the same in both images."""
    same = [(nearest_class(a, palette) == nearest_class(b, palette)).mean() for a, b in zip(made, real, strict=True)]
    return float(np.mean(same))


def sharpness(made: Pixels, real: Pixels) -> float:
    """Fine detail of made images as a share of that of real ones; 1: as sharp, below: blurred, above: noisy.

    Fine detail is what a Gaussian blur of one pixel takes away from brightness: its root mean square over all pixels.
    An L1 loss alone gives the median of what may be there, hence blur (Isola et al., Image-to-Image Translation with
    Conditional Adversarial Networks, 2017, section 4.2, which compares spectra of colours and gradients likewise).

    Args:
        made: uint8 (n, height, width, 3).
        real: uint8 (m, height, width, 3), with some detail.
    """
    return _detail(made) / max(_detail(real), 1e-6)


def _detail(images: Pixels) -> float:
    squares = []
    for image in images:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        squares.append(float(np.mean((grey - cv2.GaussianBlur(grey, (0, 0), FINE)) ** 2)))
    return float(np.sqrt(np.mean(squares)))
