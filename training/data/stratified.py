"""Shares of a set in which every class has its share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stratified(labels: Sequence[str] | NDArray[np.int64], count: int, seed: int) -> NDArray[np.bool_]:
    """Which `count` images make a share: of each class as many as its part of the whole, to the nearest image.

    An image's place is its rank within its class, in an order that the seed shuffles, divided by the size of the class;
    the smallest places are taken. So the number is exact.

    Args:
        labels: (n,) the class of each image.
        count: 0..n.
        seed: another seed, another share.

    Returns:
        bool (n,), True for the images of the share.
    """
    classes = np.unique(np.asarray(labels), return_inverse=True)[1].reshape(-1)
    order = np.random.default_rng(seed).permutation(len(classes))
    place = np.empty(len(classes))
    for number in range(classes.max(initial=-1) + 1):
        members = order[classes[order] == number]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    share = np.zeros(len(classes), np.bool_)
    share[order[np.argsort(place[order], kind="stable")][:count]] = True
    return share
