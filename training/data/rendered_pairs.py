"""Pairs that any machine can make: rendered towns, and crops of bundled photographs with their edges or greys.

A pair is a function of its seed and its size; the seeds are those of `training.data.rendered`. Pairs are made once and
kept as one file for each split. What a translator is checked with of a photograph lies beside what it is trained on.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from training.data.derived import Way, derived
from training.data.examples import scaled
from training.data.kept import keep, kept
from training.data.photographs import COLOURED, PHOTOGRAPHS, SCENES, photograph
from training.data.processes import in_processes
from training.data.rendered import VALIDATION_OFFSET, split_seeds
from training.data.translated import PairedImages, PairedSplits
from training.errors import TrainingError
from training.recipe import Data

Pixels = NDArray[np.uint8]

VERSIONS = {"maps": 1, "edges": 1, "colorize": 1}
"""By the name that a recipe says in `data.source`; raised when a seed gives other pixels."""

TOWNS = ("training.render.maps", "render_map_pair")
"""Module and function that make the pairs of "maps", imported only when they are wanted."""

HELD_OUT = 0.3
"""Share of a photograph, on its right, that only validation sees."""
NEAREST = 0.4
"""The least side of a crop, as a share of the greatest that fits."""
CHUNK = 4
"""Pairs handed to a process at once; one takes some tens of milliseconds."""


class _Pairs(NamedTuple):
    """What a file holds: both uint8 (n, height, width, 3)."""

    inputs: Pixels
    targets: Pixels


def rendered_pairs(data: Data, cache: Path) -> PairedSplits:
    """Both splits; what is not in `cache` is made first.

    Args:
        data: source, numbers, size and seed. "maps": a town from the air, and its map; "edges": lines, and the
            photograph; "colorize": its greys, and the photograph.
        cache: the folder that keeps all sets; where more pairs are wanted than a file has, only those are made.

    Raises:
        TrainingError: there is no such source, seeds reach those of validation, or a kept file is broken.
    """
    if data.source not in VERSIONS:
        raise TrainingError(
            f"data.source = '{data.source}': there are {', '.join(VERSIONS)}; or name a folder of pairs with --data"
        )
    return PairedSplits(_split(data, "train", cache), _split(data, "validation", cache))


def draw_pair(data: Data, seed: int) -> tuple[Pixels, Pixels]:
    """The pair of a seed, both uint8 (height, width, 3), RGB."""
    if data.source == "maps":
        render: Callable[[int, int, int], tuple[Pixels, Pixels]] = getattr(import_module(TOWNS[0]), TOWNS[1])
        return render(seed, data.width, data.height)
    way = cast(Way, data.source)
    names = SCENES if way == "edges" else COLOURED
    whole = _decoded(names[int(np.random.default_rng((seed, 0xF07)).integers(len(names)))])
    target = crop(whole, seed, data.width, data.height)
    return derived(target, way), target


def crop(whole: Pixels, seed: int, width: int, height: int) -> Pixels:
    """A part of a photograph, perhaps mirrored, scaled to a size.

    Seeds of validation see the right of it, others the rest: no pixel is both trained on and checked with.

    Args:
        whole: uint8 (rows, columns, 3).
        seed: 0 or more.
        width: in pixels.
        height: in pixels.

    Returns:
        uint8 (height, width, 3).
    """
    rng = np.random.default_rng((seed, 0xC40))
    border = round(whole.shape[1] * (1 - HELD_OUT))
    part = whole[:, border:] if seed >= VALIDATION_OFFSET else whole[:, :border]
    greatest = min(part.shape[0] / height, part.shape[1] / width)
    scale = greatest * float(rng.uniform(NEAREST, 1))
    rows, columns = max(1, int(height * scale)), max(1, int(width * scale))
    top, left = (int(rng.integers(free + 1)) for free in (part.shape[0] - rows, part.shape[1] - columns))
    seen = part[top : top + rows, left : left + columns]
    return scaled(np.ascontiguousarray(seen[:, ::-1] if rng.random() < 0.5 else seen), width, height)


@lru_cache(maxsize=len(PHOTOGRAPHS))
def _decoded(name: str) -> Pixels:
    """A photograph, read once in each process."""
    return photograph(name)


def _split(data: Data, split: Literal["train", "validation"], cache: Path) -> PairedImages:
    seeds = split_seeds(data, split)
    file = cache / f"{data.source}-pairs-{_digest(data, seeds.start)}.npz"
    found = kept(file, _Pairs._fields)
    pairs = _Pairs(_empty(data, 0), _empty(data, 0)) if found is None else _Pairs(**found)
    if len(pairs.inputs) < len(seeds):
        more = _rendered(data, seeds[len(pairs.inputs) :])
        pairs = _Pairs(*(np.concatenate(parts) for parts in zip(pairs, more, strict=True)))
        keep(file, pairs._asdict())
    names = [f"{data.source} {seed}" for seed in seeds]
    return PairedImages(pairs.inputs[: len(seeds)], pairs.targets[: len(seeds)], names)


def _digest(data: Data, first: int) -> str:
    """Of all that the pairs depend on."""
    parts = (VERSIONS[data.source], first, data.width, data.height)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _rendered(data: Data, seeds: range) -> _Pairs:
    pairs = _Pairs(_empty(data, len(seeds)), _empty(data, len(seeds)))
    draw: Callable[[int], tuple[Pixels, Pixels]] = partial(draw_pair, data)
    drawn: Iterable[tuple[Pixels, Pixels]] = in_processes(draw, seeds, f"rendering {data.source}", CHUNK)
    for place, (given, wanted) in enumerate(drawn):
        pairs.inputs[place], pairs.targets[place] = given, wanted
    return pairs


def _empty(data: Data, count: int) -> Pixels:
    return np.empty((count, data.height, data.width, 3), np.uint8)
