"""Two domains of images from outside, without pairs: `trainA`, `trainB`, `testA`, `testB` as CycleGAN's sets have them.

Or `A` and `B`, or a folder for each domain named as the recipe's classes, with or without folders of splits.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import typer

from training.data.class_folders import SPLITS, class_folders, read_upright
from training.data.classified import ClassifiedImages
from training.data.examples import Example, load_examples, pick_classes
from training.data.faults import Findings, Split
from training.data.folder import VALIDATION, tell_faults
from training.data.pictures import pictures_in
from training.data.translated import UnpairedSplits
from training.errors import TrainingError
from training.recipe import Data

SIDES = ("A", "B")
"""What the folders of the first and of the second domain end in."""

Domain = list[Example]


def domain_splits(source: Path, data: Data) -> UnpairedSplits:
    """Both domains at the recipe's size, scaled bicubically, to train on and to check with.

    Each domain's own splits are taken: validation, or else test, to check with; a domain without them is divided by
    `data.seed`, 20 % to check with. How many images there are is told on standard error.

    Args:
        source: the folder.
        data: classes (the names of the first and of the second domain) and size.

    Raises:
        TrainingError: there is no such folder, a domain has no image, or too few to be divided.
    """
    if not source.is_dir():
        raise TrainingError(f"--data {source}: there is no such folder")
    check_domains(data)
    findings = Findings()
    found = [_loaded(domain, number, data, findings) for number, domain in enumerate(_domains(source, data))]
    tell_faults(source, findings.by_file())
    for name, (train, held_out) in zip(data.classes, found, strict=True):
        if not (len(train) and len(held_out)):
            raise TrainingError(
                f"{source}: domain '{name}': {len(train)} to train on, {len(held_out)} to check with: "
                "both domains need at least one image of each"
            )
        typer.echo(f"note: {source}: '{name}': {len(train)} images, {len(held_out)} held out", err=True)
    (first, first_held), (second, second_held) = found
    return UnpairedSplits((first, second), (first_held, second_held))


def check_domains(data: Data) -> None:
    """Refuse a recipe that does not name two domains.

    Raises:
        TrainingError: it does not.
    """
    if len(data.classes) != 2 or data.classes[0] == data.classes[1]:
        raise TrainingError(f'data.classes = {list(data.classes)}: two domains have two names, e.g. ["cow", "horse"]')


def _domains(source: Path, data: Data) -> tuple[Domain, Domain]:
    """The images of each domain, in a fixed order."""
    sides = [_of_side(source, side) for side in SIDES]
    if any(side is not None for side in sides):
        return _of_sides(source, sides)
    found = class_folders(source)
    if not found.labels:
        raise TrainingError(
            f"{source}: images of two domains are expected in folders trainA and trainB, A and B, "
            f"or {data.classes[0]} and {data.classes[1]}"
        )
    chosen = pick_classes(found, data.classes)
    first, second = ([example for example, number in chosen if number == wanted] for wanted in range(2))
    return first, second


def _of_sides(source: Path, sides: list[Domain | None]) -> tuple[Domain, Domain]:
    for side, examples in zip(SIDES, sides, strict=True):
        if examples is None:
            raise TrainingError(f"{source}: there is neither a folder train{side} nor a folder {side}")
    first, second = (examples or [] for examples in sides)
    return first, second


def _of_side(source: Path, side: str) -> Domain | None:
    """The images of trainA, testA and so on, or of A; None where there are no such folders."""
    named: dict[str, Split] = {f"{split}{side}".lower(): meant for split, meant in SPLITS.items()}
    folders: list[tuple[Path, Split | None]] = [
        (folder, named.get(folder.name.lower()))
        for folder in sorted(source.iterdir())
        if folder.is_dir() and folder.name.lower() in {*named, side.lower()}
    ]
    if not folders:
        return None
    return [example for folder, split in folders for example in _examples(folder, split)]


def _examples(folder: Path, split: Split | None) -> Iterable[Example]:
    """The images of a folder, or of the folders of splits in it."""
    for file in pictures_in(folder):
        yield Example(f"{folder.name}/{file.name}", None, split, partial(read_upright, file))
    for inner in sorted(folder.iterdir()):
        if split is None and inner.is_dir() and inner.name.lower() in SPLITS:
            for example in _examples(inner, SPLITS[inner.name.lower()]):
                yield replace(example, name=f"{folder.name}/{example.name}")


def _loaded(domain: Domain, number: int, data: Data, findings: Findings) -> tuple[ClassifiedImages, ClassifiedImages]:
    """What to train on and what to check with of one domain."""
    train, held_out = _divided(domain, data.seed)
    first, second = (
        load_examples([(example, number) for example in part], data, findings, cubic=True) for part in (train, held_out)
    )
    return first, second


def _divided(domain: Domain, seed: int) -> tuple[Domain, Domain]:
    parts = {split: [example for example in domain if example.split == split] for split in SPLITS.values()}
    own = parts["validation"] or parts["test"]
    if parts["train"] and own:
        return parts["train"], own
    order = np.random.default_rng(seed).permutation(len(domain))
    count = min(max(round(len(domain) * VALIDATION), 1), max(len(domain) - 1, 0))
    held_out = set(order[:count].tolist())
    return (
        [example for number, example in enumerate(domain) if number not in held_out],
        [example for number, example in enumerate(domain) if number in held_out],
    )
