"""The features of published Frechet distances: Inception v3 with the weights of Google's graph of 2015-12-05.

The file of weights, `pt_inception-2015-12-05-6726825d.pth`, is a person's to get; nothing is fetched here. The network
is torchvision's with what differs in that graph: edges are averaged over the pixels that exist, the last block pools by
its largest value, and images are scaled as TensorFlow 1 does. Without those, distances cannot be compared with papers'.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.inception import Inception3, InceptionE

from training.checkpoint import load_weights
from training.data.classified import ClassifiedImages
from training.metrics.frechet import Features
from training.metrics.judged import best_device

SIZE = 299
OUTPUTS = 1008
BATCH = 32


class Inception:
    """Inception v3 as Heusel et al. 2017 use it."""

    def __init__(self, weights: Path) -> None:
        """Read the weights.

        Raises:
            TrainingError: the file is missing, damaged or of another network.
        """
        network = build_inception()
        load_weights(network, weights)
        network.fc = nn.Identity()
        self._network = network.to(best_device())

    @torch.no_grad()
    def features(self, images: ClassifiedImages) -> Features:
        """The means of the last block's channels, float64 (n, 2048)."""
        parts = []
        for start in range(0, len(images), BATCH):
            pixels = torch.from_numpy(images.pixels[start : start + BATCH]).to(best_device())
            scaled = scale_as_tensorflow(pixels.permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1), SIZE)
            parts.append(self._network((scaled - 128) / 128).cpu().double().numpy())
        return np.concatenate(parts)


def build_inception() -> Inception3:
    """The network in evaluation mode, without its weights."""
    network = Inception3(num_classes=OUTPUTS, aux_logits=False, transform_input=False, init_weights=False)
    network.Mixed_7c = _LargestPooled(2048)
    for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7b"):
        getattr(network, name).branch_pool.register_forward_pre_hook(_average_what_exists)
    return network.eval()


def scale_as_tensorflow(images: Tensor, size: int) -> Tensor:
    """Bilinear as in TensorFlow 1: pixel i of the result lies at i * before / after, its corner and not its middle.

    Args:
        images: float32 (n, channels, height, width).
        size: of the square result, pixels.
    """
    height, width = images.shape[2:]
    rows = torch.arange(size, device=images.device) * (height / size)
    columns = torch.arange(size, device=images.device) * (width / size)
    y, x = (2 * places / max(1, side - 1) - 1 for places, side in ((rows, height), (columns, width)))
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).expand(len(images), -1, -1, -1)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=True)


class _LargestPooled(InceptionE):  # type: ignore[misc] # torchvision has no types
    """The last block: its pooling branch takes the largest value."""

    def forward(self, values: Tensor) -> Tensor:
        wide, deep = self.branch3x3_1(values), self.branch3x3dbl_2(self.branch3x3dbl_1(values))
        return torch.cat(
            [
                self.branch1x1(values),
                self.branch3x3_2a(wide),
                self.branch3x3_2b(wide),
                self.branch3x3dbl_3a(deep),
                self.branch3x3dbl_3b(deep),
                self.branch_pool(functional.max_pool2d(values, 3, stride=1, padding=1)),
            ],
            dim=1,
        )


def _average_what_exists(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Undo that torchvision's 3 x 3 means count zeros beyond the edge."""
    (means,) = inputs
    counted = functional.avg_pool2d(torch.ones_like(means[:1, :1]), 3, stride=1, padding=1)
    return (means / counted,)
