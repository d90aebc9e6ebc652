"""Images of a generator, by seed and number, in the form that real images have; and that form as networks take it."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.adversarial.model import ImageGenerator
from training.data.classified import ClassifiedImages
from training.generators.drawing import draw_latent

BATCH = 64
ANY = ("any",)
"""The classes of images that were made without being asked for one."""


def draw_images(
    generator: ImageGenerator, classes: Sequence[str], count: int, seed: int, label: int | None = None
) -> ClassifiedImages:
    """What a generator makes of the first latent vectors of a seed: image i is the one that the service would make.

    Args:
        generator: its networks are used in evaluation mode and left in the mode that they were in.
        classes: that it was trained on.
        count: images, at least 1.
        seed: of the latent vectors.
        label: the class to ask for; None: image i is asked for as class i modulo their number.

    Returns:
        Images with the class that was asked for, or of the only class "any" where a generator cannot be asked.
    """
    latents = torch.from_numpy(np.stack([draw_latent(generator.latent, seed, number) for number in range(count)]))
    names = [f"seed {seed}, image {number}" for number in range(count)]
    if not generator.classes:
        return ClassifiedImages(make_images(generator, latents, None), np.zeros(count, np.int64), ANY, names)
    labels = np.arange(count) % generator.classes if label is None else np.full(count, label)
    pixels = make_images(generator, latents, torch.from_numpy(labels))
    return ClassifiedImages(pixels, labels.astype(np.int64), tuple(classes), names)


@torch.no_grad()
def make_images(generator: ImageGenerator, latents: Tensor, labels: Tensor | None) -> NDArray[np.uint8]:
    """Images of latent vectors, uint8 (n, height, width, channels); arguments as `ImageGenerator` takes them."""
    network = generator if isinstance(generator, nn.Module) else nn.Identity()
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    training = network.training
    network.eval()  # the averages of batch normalisation, so that an image does not depend on its neighbours
    parts = []
    for start in range(0, len(latents), BATCH):
        some = slice(start, start + BATCH)
        asked = None if labels is None else labels[some].to(device)
        parts.append(to_pixels(generator(latents[some].to(device), asked)))
    network.train(training)
    return np.concatenate(parts)


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """uint8 (n, height, width, channels) of float32 (n, channels, height, width) in -1..1, rounded."""
    scaled = ((images.detach().float() + 1) * 127.5).round().clamp(0, 255)
    return scaled.to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """The inverse of `to_pixels`."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
