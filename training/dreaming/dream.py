"""Deep Dream with torch, at one size: what a channel wants to see, for model cards. Servers dream in octaves."""

import torch
from torch import Tensor
from torch.nn import functional

from training.dreaming.step import DreamStep
from training.features.stack import FeatureStack

STEPS = 40
STEP_SIZE = 0.02
JITTER = 8
BLURRED = 4.0
_FLAT = 0.5


@torch.no_grad()
def channel_dream(stack: FeatureStack, layer: str, channel: int, side: int, seed: int = 0) -> Tensor:
    """What strengthens one channel most, dreamt into faint noise.

    Args:
        stack: with the layer.
        layer: e.g. "relu3_2".
        channel: of the layer.
        side: of the image in pixels, a multiple of the stack's.
        seed: of the noise and of the shifts between steps.

    Returns:
        float32 (3, side, side) in -1..1.
    """
    chance = torch.Generator().manual_seed(seed)
    pixels = _FLAT + 0.05 * torch.randn(1, 3, side, side, generator=chance)
    weights = [torch.zeros(each.channels) for each in stack.layers]
    weights[stack.place(layer)][channel] = 1
    guides = [torch.zeros(1, each.channels) for each in stack.layers]
    step = DreamStep(stack)
    for _ in range(STEPS):
        down, right = torch.randint(-JITTER, JITTER + 1, (2,), generator=chance).tolist()
        _, gradient, _ = step(pixels.roll((down, right), (2, 3)), torch.zeros(len(guides)), weights, guides)
        change = gradient.roll((-down, -right), (2, 3))
        change = change - change.mean((2, 3), keepdim=True)  # forms, not a flood of one colour
        change = change + functional.avg_pool2d(change, 5, 1, 2) * BLURRED  # nor only the finest noise
        pixels = (pixels + STEP_SIZE * change / change.abs().mean().clamp(min=1e-12)).clamp(0, 1)
    return 2 * pixels[0] - 1
