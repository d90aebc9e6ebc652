"""What a feed-forward styliser is trained by (Huang and Belongie 2017, section 6), and how its images are scored."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from training.errors import TrainingError
from training.recipe import Recipe
from training.stylisation.adain import StyleEncoder, code_of
from training.stylisation.losses import gram, statistics

KEPT = 4
"""One image of so many is also given its own style, and has to come back as it was."""


@dataclass(frozen=True, slots=True)
class StylizerLoss:
    """Weights of the parts of the loss beside the content's, which is 1.

    Attributes:
        style: of the differences of means and deviations (equation 13; lambda of equation 11).
        gram: of the squared differences of Gram matrices, which also say which maps respond together, as in Gatys'
            loss; as a share of the style's own squares, since those of a glaring style are a hundred times others'.
        identity: of the difference between an image and what its own style makes of it.
    """

    style: float = 10.0
    gram: float = 0.0
    identity: float = 0.0

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The weights of `model.options`, by the names `style_weight`, `gram_weight`, `identity_weight`.

        Raises:
            TrainingError: an option is unknown, or a weight is no number of 0 or more.
        """
        options, named = recipe.model.options, {f"{field.name}_weight": field.name for field in fields(cls)}
        known = {"layer", "contents", "styles", *named}
        if options.keys() - known:
            raise TrainingError(f"model.options = {options}: 'adain' has {', '.join(sorted(known))}")
        given = {named[option]: value for option, value in options.items() if option in named}
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise TrainingError(f"model.options.{name}_weight = {value!r}: must be a number, 0 or more")
        return cls(**{name: float(value) for name, value in given.items()})

    def __call__(
        self, network: Callable[..., Tensor], encoder: StyleEncoder, contents: Tensor, styles: Tensor
    ) -> dict[str, Tensor]:
        """The parts of the loss, weighted, by name.

        Args:
            network: a `Stylizer`, wrapped or not.
            encoder: its encoder.
            contents: float32 (n, 3, height, width) in -1..1.
            styles: as many.
        """
        kept = -(-len(contents) // KEPT) if self.identity else 0
        own, wanted = encoder.code(contents), encoder(styles)
        code = code_of(wanted)
        images = torch.cat((contents, contents[:kept]))
        codes = torch.cat((own, own[:kept])), torch.cat((code, own[:kept]))
        made = network(images, *codes, images.new_ones(len(images), 1))
        levels = encoder(made[: len(contents)])
        # the content is to keep its forms, which statistics do not say: it is compared without them
        losses = {"content": functional.mse_loss(plain(levels[-1]), plain(encoder(contents)[-1]))}
        losses["style"] = self.style * functional.mse_loss(code_of(levels), code)
        if self.gram:
            parts = [_relative(gram(a), gram(b)) for a, b in zip(levels, wanted, strict=True)]
            losses["gram"] = self.gram * torch.stack(parts).sum()
        if kept:
            losses["identity"] = self.identity * functional.l1_loss(made[len(contents) :], contents[:kept])
        return losses


def plain(maps: Tensor) -> Tensor:
    """Maps without their mean and deviation: where they respond, not how much."""
    mean, deviation = statistics(maps)
    return (maps - mean[:, :, None, None]) / deviation[:, :, None, None]


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    squares = wanted.square().mean((1, 2)).clamp(min=1e-6)
    return ((found - wanted).square().mean((1, 2)) / squares).mean()


@torch.no_grad()
def pair_losses(encoder: StyleEncoder, made: Tensor, contents: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
    """What is left of each pair's style loss, and how much of its content's forms is lost, each (n,).

    The first is 1 for the content as it is and 0 for the style's Gram matrices; the second 0 for the content as it is
    and about 1 for an image that has nothing to do with it.
    """
    levels = [encoder(images) for images in (made, contents, styles)]
    found, before = (
        sum((gram(a) - gram(b)).square().mean((1, 2)) for a, b in zip(image, levels[2], strict=True))
        for image in levels[:2]
    )
    lost = (plain(levels[0][-1]) - plain(levels[1][-1])).square().mean((1, 2, 3)) / 2
    return torch.as_tensor(found) / torch.as_tensor(before).clamp(min=1e-12), lost
