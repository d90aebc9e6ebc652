"""A set of pairs from outside: side by side in one image, as the public maps are, or in two folders with equal names.

The public sets of pix2pix have `train/` and `val/` (some `test/`) with images of double width: the left half is one
side, the right half the other. Of photographs alone, a recipe for edges or greys makes the pairs itself.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import typer
from numpy.typing import NDArray

from training.data.class_folders import SPLITS, read_upright
from training.data.derived import Way, derived
from training.data.examples import THREADS, bicubic
from training.data.faults import Findings, Split
from training.data.folder import VALIDATION, tell_faults
from training.data.pictures import picture_size, pictures_in, subfolder
from training.data.translated import PairedImages, PairedSplits
from training.errors import TrainingError
from training.recipe import Data

Pixels = NDArray[np.uint8]
Pair = tuple[Pixels, Pixels]

DERIVED = ("edges", "colorize")
"""Sources whose pairs are made of photographs."""
SAME = 0.02
"""Share by which the proportions of two images may differ."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A pair that can be read.

    Attributes:
        name: for people.
        split: into which the set puts it, if into any.
        read: gives both images, of one size; None after noting a fault.
    """

    name: str
    split: Split | None
    read: Callable[[Findings], Pair | None]


def paired_splits(source: Path, data: Data) -> PairedSplits:
    """The pairs of a folder at the recipe's size, to train on and to check with.

    The set's own splits are taken: validation, or else test, to check with; a set without them is divided by
    `data.seed`, 20 % to check with. How many there are is told on standard error.

    Args:
        source: `A/` and `B/`, or folders named as both classes, each with the same file names; else images of two
            halves; under the sources "edges" and "colorize" photographs. All of it may lie in folders of splits.
        data: source, classes (what is given, what is wanted) and size.

    Raises:
        TrainingError: there is no such folder or no image in it, an image has no partner or another size than it, or
            not both splits have a pair.
    """
    if not source.is_dir():
        raise TrainingError(f"--data {source}: there is no such folder")
    findings = Findings()
    listed = _listed(source, data, findings)
    train, held_out = _divided(listed, data.seed)
    splits = PairedSplits(_load(train, data, findings), _load(held_out, data, findings))
    tell_faults(source, findings.by_file())
    if not (len(splits.train) and len(splits.validation)):
        raise TrainingError(
            f"{source}: {len(splits.train)} to train on, {len(splits.validation)} to check with: "
            "a set needs at least one pair of each"
        )
    typer.echo(
        f"note: {source}: {len(splits.train)} pairs to train on and {len(splits.validation)} to check with, "
        f"scaled to {data.width} x {data.height}",
        err=True,
    )
    return splits


def _listed(source: Path, data: Data, findings: Findings) -> list[_Listed]:
    """All pairs of the layout that the folder has."""
    if data.source in DERIVED:
        return [_of_photograph(file, split, data) for file, split in _pictures(source)]
    for names in (("A", "B"), data.classes):
        sides = [subfolder(source, name) for name in names]
        if len(sides) == 2 and sides[0] is not None and sides[1] is not None:
            return _of_folders(sides[0], sides[1], findings)
    return _side_by_side(source, findings)


def _pictures(folder: Path) -> list[tuple[Path, Split | None]]:
    """The image files of a folder's splits, or its own."""
    inner = [(part, SPLITS[part.name.lower()]) for part in sorted(folder.iterdir()) if part.name.lower() in SPLITS]
    found: list[tuple[Path, Split | None]] = [
        (file, split) for part, split in inner if part.is_dir() for file in pictures_in(part)
    ]
    found = found or [(file, None) for file in pictures_in(folder)]
    if not found:
        raise TrainingError(f"{folder}: there is no image in it, nor in folders train, val or test below it")
    return found


def _of_photograph(file: Path, split: Split | None, data: Data) -> _Listed:
    def read(findings: Findings) -> Pair | None:
        pixels = read_upright(file, findings)
        if pixels is None:
            return None
        small = bicubic(pixels, data.width, data.height)  # lines are drawn at the size at which they are learnt
        return derived(small, cast(Way, data.source)), small

    return _Listed(file.name, split, read)


def _side_by_side(folder: Path, findings: Findings) -> list[_Listed]:
    """Images of two halves, all of the same proportions: a single picture among them is a mistake."""
    files = _pictures(folder)
    sizes = {file: size for file, _ in files if (size := picture_size(file, findings)) is not None}
    if not sizes:
        raise TrainingError(f"{folder}: none of its {len(files)} images can be read")
    usual = Counter(sizes.values()).most_common(1)[0][0]
    for file, (width, height) in sizes.items():
        if width % 2:
            raise TrainingError(f"{file}: {width} x {height} pixels cannot be cut into two halves of one width")
        if abs(width * usual[1] / (height * usual[0]) - 1) > SAME:
            raise TrainingError(
                f"{file}: {width} x {height} pixels, where other pairs of this set have {usual[0]} x {usual[1]}: "
                "is it two images side by side?"
            )
    return [_Listed(file.name, split, partial(_halves, file)) for file, split in files if file in sizes]


def _halves(file: Path, findings: Findings) -> Pair | None:
    pixels = read_upright(file, findings)
    if pixels is None:
        return None
    middle = pixels.shape[1] // 2
    return pixels[:, :middle], pixels[:, middle:]


def _of_folders(first: Path, second: Path, findings: Findings) -> list[_Listed]:
    """Images of two folders, paired by their names without endings."""
    sides = [{(split, file.stem): file for file, split in _pictures(folder)} for folder in (first, second)]
    for one, other, folder in ((sides[0], sides[1], second), (sides[1], sides[0], first)):
        for key, file in one.items():
            if key not in other:
                raise TrainingError(f"{file}: there is no image of this name in {folder}: it is no pair")
    for key, file in sides[0].items():
        sizes = [picture_size(found, findings) for found in (file, sides[1][key])]
        if None not in sizes and sizes[0] != sizes[1]:
            (width, height), (other_width, other_height) = (size for size in sizes if size is not None)
            raise TrainingError(
                f"{file} has {width} x {height} pixels and {sides[1][key]} {other_width} x {other_height}: "
                "the images of a pair have one size"
            )
    return [
        _Listed(stem, split, partial(_both, file, sides[1][split, stem])) for (split, stem), file in sides[0].items()
    ]


def _both(first: Path, second: Path, findings: Findings) -> Pair | None:
    given, wanted = read_upright(first, findings), read_upright(second, findings)
    return None if given is None or wanted is None else (given, wanted)


def _divided(listed: Sequence[_Listed], seed: int) -> tuple[list[_Listed], list[_Listed]]:
    """What to train on and what to check with."""
    by_split = {split: [pair for pair in listed if pair.split == split] for split in ("train", "validation", "test")}
    own = by_split["validation"] or by_split["test"]
    if by_split["train"] and own:
        return by_split["train"], own
    order = np.random.default_rng(seed).permutation(len(listed))
    count = min(max(round(len(listed) * VALIDATION), 1), max(len(listed) - 1, 0))
    held_out = set(order[:count].tolist())
    return (
        [pair for number, pair in enumerate(listed) if number not in held_out],
        [pair for number, pair in enumerate(listed) if number in held_out],
    )


def _load(listed: Sequence[_Listed], data: Data, findings: Findings) -> PairedImages:
    """Read and scale; unreadable pairs are noted."""

    def read(pair: _Listed) -> Pair | None:
        images = pair.read(findings)
        if images is None:
            return None
        given, wanted = (bicubic(np.ascontiguousarray(image), data.width, data.height) for image in images)
        return given, wanted

    with ThreadPoolExecutor(THREADS) as threads:  # decoding and scaling release the GIL
        whole = [(pair, found) for pair, found in zip(listed, threads.map(read, listed), strict=True) if found]
    inputs, targets = (np.empty((len(whole), data.height, data.width, 3), np.uint8) for _ in range(2))
    for place, (_, found) in enumerate(whole):
        inputs[place], targets[place] = found
    return PairedImages(inputs, targets, [pair.name for pair, _ in whole])
