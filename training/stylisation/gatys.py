"""Style transfer by optimisation with torch's own gradients: what the served loop is compared with, and papers' L-BFGS.

Gatys, Ecker and Bethge 2016, section 3. Serving runs `training.stylisation.step` instead, which needs no torch.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.optim import LBFGS, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from training.features.stack import FeatureStack
from training.stylisation.losses import content_loss, gram, style_loss, variation

Losses = tuple[float, float, float]
"""Content, style and variation, weighted."""


@dataclass(frozen=True, slots=True)
class StyleSettings:
    """How much of what, and how it is sought.

    Attributes:
        content_layers, style_layers: whose losses are averaged.
        content_weight, style_weight, variation_weight: of the three losses.
        steps: of the optimiser; for L-BFGS, evaluations of the loss.
        learning_rate: Adam's at the first step, for pixels in 0..1; falls to a tenth as a half cosine.
        optimiser: "adam", as served, or "lbfgs", as in the paper.
    """

    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    content_weight: float = 1.0
    style_weight: float = 300.0
    variation_weight: float = 2.0
    steps: int = 150
    learning_rate: float = 0.05
    optimiser: Literal["adam", "lbfgs"] = "adam"


def settings_for(stack: FeatureStack) -> StyleSettings:
    """The paper's choice of layers: the first of every stage for style, one of the last but one for content.

    For VGG-19 these are relu1_1, relu2_1, ..., relu5_1 and relu4_2 (section 3).
    """
    stages = sorted({layer.stage for layer in stack.layers})
    inner = [layer.name for layer in stack.layers if layer.stage == stages[max(0, len(stages) - 2)]]
    return StyleSettings((inner[min(1, len(inner) - 1)],), tuple(f"relu{stage + 1}_1" for stage in stages))


def stylise(
    stack: FeatureStack, content: Tensor, style: Tensor, settings: StyleSettings
) -> tuple[Tensor, list[Losses]]:
    """The content in the style, beginning with the content, and the losses before each step.

    Args:
        stack: with layers of the settings.
        content: float32 (1, 3, height, width) in -1..1; sides are multiples of the stack's.
        style: the same, of any such size.
        settings: weights and steps.

    Returns:
        float32 like `content`, in -1..1.
    """
    with torch.no_grad():
        contents = [stack(content)[stack.place(name)] for name in settings.content_layers]
        grams = [gram(stack(style)[stack.place(name)]) for name in settings.style_layers]
    pixels = ((content + 1) / 2).clone().requires_grad_(True)
    history: list[Losses] = []

    def evaluate() -> Tensor:
        optimiser.zero_grad()
        activations = stack(2 * pixels - 1)
        kept = [activations[stack.place(name)] for name in settings.content_layers]
        found = [gram(activations[stack.place(name)]) for name in settings.style_layers]
        losses = torch.stack(
            (
                settings.content_weight * _mean([content_loss(a, b) for a, b in zip(kept, contents, strict=True)]),
                settings.style_weight * _mean([style_loss(a, b) for a, b in zip(found, grams, strict=True)]),
                settings.variation_weight * variation(pixels),
            )
        )
        history.append(tuple(losses.detach().tolist()))
        total = losses.sum()
        total.backward()  # type: ignore[no-untyped-call] # torch's own gap
        return total

    optimiser: Adam | LBFGS
    if settings.optimiser == "lbfgs":
        optimiser = LBFGS([pixels], max_iter=settings.steps, max_eval=settings.steps, line_search_fn="strong_wolfe")
        optimiser.step(evaluate)  # type: ignore[no-untyped-call]
    else:
        optimiser = Adam([pixels], settings.learning_rate, betas=(0.9, 0.99))
        falling = CosineAnnealingLR(optimiser, settings.steps, settings.learning_rate / 10)
        for _ in range(settings.steps):
            evaluate()
            optimiser.step()
            falling.step()
            with torch.no_grad():
                pixels.clamp_(0, 1)
    return (2 * pixels.detach().clamp(0, 1) - 1), history


def _mean(losses: list[Tensor]) -> Tensor:
    return torch.stack(losses).mean()
