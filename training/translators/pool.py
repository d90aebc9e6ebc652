"""Images that were made before (Shrivastava et al. 2017, arXiv 1612.07828, section 2.3; Zhu et al. 2017, section 4).

A critic that sees only the newest images forgets what it knew of older ones, and the players run in circles.
"""

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Keeps some of the images made so far and gives a mixture of them and of new ones to the critic.

    Its state is buffers, so that a checkpoint holds it. With several processes each has its own pool; a resumed run
    begins with the first one's in all of them.
    """

    def __init__(self, images: int, shape: tuple[int, int, int]) -> None:
        """Args:
        images: kept at most; 0: the pool gives what it is given.
        shape: of one image: channels, height, width.
        """
        super().__init__()
        self.kept: Tensor
        self.count: Tensor
        self.register_buffer("kept", torch.zeros(images, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, images: Tensor) -> Tensor:
        """For each image (channels, height, width) of a batch itself or one made earlier, half of the time each.

        Until the pool is full every image is kept and given back. Afterwards an image either passes, or takes the place
        of another, which is given in its stead. No decision waits for the device.
        """
        size = len(self.kept)
        if not size:
            return images
        draws = torch.rand(2, len(images), device=images.device)
        given = []
        for image, chance, drawn in zip(images, *draws, strict=True):
            full = self.count >= size
            place = torch.where(full, (drawn * size).long().clamp(max=size - 1), self.count).view(1)
            older = self.kept.index_select(0, place)[0]
            exchanged = full & (chance < 0.5)
            stored = torch.where(full & ~exchanged, older, image.to(older.dtype))
            self.kept.index_copy_(0, place, stored[None])
            given.append(torch.where(exchanged, older.to(image.dtype), image))
            self.count.add_(~full)
        return torch.stack(given)
