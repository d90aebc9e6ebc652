"""Euclidean distances between images, in features or in pixels."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.data.classified import ClassifiedImages
from training.metrics.frechet import Features

SIDE = 32
"""Longest side in pixels of what is compared in pixels: an edge that is one pixel off is no other image."""


def distances(rows: Features, columns: Features) -> Features:
    """float64 (n, m) between vectors (n, d) and (m, d)."""
    found: Features = torch.cdist(torch.from_numpy(rows), torch.from_numpy(columns)).numpy()
    return found


def neighbour_radii(points: Features, k: int) -> Features:
    """The distance of each point (n, d) to its k-th nearest other, (n,)."""
    between = distances(points, points)
    np.fill_diagonal(between, np.inf)
    return np.asarray(np.partition(between, k - 1, axis=1)[:, k - 1])


def nearest(queries: Features, references: Features, k: int = 1) -> tuple[Features, NDArray[np.int64]]:
    """Distances and numbers of the k nearest references of each query, both (n, k), nearest first."""
    between = distances(queries, references)
    order = np.argsort(between, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(between, order, axis=1), order


def pixel_features(images: ClassifiedImages) -> Features:
    """Images as vectors, float64 (n, h * w * channels) in 0..1, made smaller so that no side is over `SIDE`."""
    height, width = images.pixels.shape[1:3]
    shrink = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = [cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) for pixels in images.pixels]
    return np.stack(small).reshape(len(images), -1) / np.float64(255)
