"""What every detector that is trained here can do, whoever wrote the network.

The convention is torchvision's, so that its own detectors fit as they are: images are a list of float tensors
3 x height x width in 0..1 (RGB); in training mode `forward(images, targets)` returns named losses; in evaluation mode
`forward(images)` returns one dictionary per image with "boxes" (n, 4), "scores" (n) and "labels" (n). Boxes are
x_min, y_min, x_max, y_max in pixels of the tensor; labels are 0..classes-1: a network with a background class hides it.
"""

from typing import Any, Protocol

from torch import Tensor


class Detector(Protocol):
    """A torch module that finds objects, and how it looks to a server."""

    def __call__(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Losses by name (training mode, scalars to be summed), or detections after suppression (evaluation mode)."""

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """All candidates before suppression: what `training.export` puts into the graph.

        Args:
            images: float32 (batch, 3, size, size), 0..1, RGB, letterboxed by the caller.

        Returns:
            Boxes (batch, candidates, 4) in pixels of the input and scores (batch, candidates, classes) in 0..1.
        """
