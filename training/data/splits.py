"""Which images are trained on and which only checked with: decided by a seed, fair to rare classes.

An image's place depends on its name and the seed alone, never on the order of files, so any machine splits a set alike.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from training.data.annotations import AnnotatedImage
from training.data.faults import AnnotatedSet, Split
from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class TrainValidation:
    """Two sets without a common image, each sorted by name."""

    train: tuple[AnnotatedImage, ...]
    validation: tuple[AnnotatedImage, ...]


def split_images(images: Sequence[AnnotatedImage], validation: float = 0.2, seed: int = 0) -> TrainValidation:
    """Split a set, stratified by the rarest class of each image.

    Every stratum gives its share (the largest remainders are rounded up, so the number is exact). Where a class that
    at least two images have is then missing from one side, images are exchanged as long as that leaves fewer classes
    missing: with classes that share images there may be no perfect split, and none is promised.

    Args:
        images: at least two, in any order.
        validation: below 1 the share of images to check with, from 1 on their number; at least one image stays on
            either side of a share.
        seed: another seed, another split.

    Raises:
        TrainingError: fewer than two images, or a number that leaves a side empty.
    """
    count = _count(len(images), validation)
    ranked = sorted(images, key=lambda image: _rank(image, seed))
    held_out = _stratified(ranked, count)
    _exchange(ranked, held_out)
    train = [image for number, image in enumerate(ranked) if number not in held_out]
    return TrainValidation(_by_name(train), _by_name(ranked[number] for number in held_out))


def with_splits(found: AnnotatedSet, validation: float = 0.2, seed: int = 0) -> AnnotatedSet:
    """A set divided anew by `split_images`; what its folder keeps for testing stays there.

    Raises:
        TrainingError: as `split_images`.
    """
    test = found.of("test")
    split = split_images([image for image in found.images if found.splits.get(image.file) != "test"], validation, seed)
    places: dict[Split, Sequence[AnnotatedImage]] = {"train": split.train, "validation": split.validation, "test": test}
    return replace(found, splits={image.file: name for name, images in places.items() for image in images})


def _count(images: int, validation: float) -> int:
    """Images to check with."""
    if images < 2:
        what = "a single usable image" if images else "no usable image"
        raise TrainingError(f"{what}: training and validation need at least one each")
    if 0 < validation < 1:
        return min(max(round(images * validation), 1), images - 1)
    if not 1 <= validation < images or validation != int(validation):
        allowed = f"a share between 0 and 1 or a number from 1 to {images - 1}"
        raise TrainingError(f"validation = {validation:g} of {images} images: must be {allowed}")
    return int(validation)


def _rank(image: AnnotatedImage, seed: int) -> tuple[bytes, tuple[str, ...]]:
    """A place in a shuffled order; files of the same name in different folders are told apart by these."""
    digest = hashlib.blake2b(f"{seed}/{image.file.name}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return digest, tuple(reversed(image.file.parts))


def _by_name(images: Iterable[AnnotatedImage]) -> tuple[AnnotatedImage, ...]:
    return tuple(sorted(images, key=lambda image: tuple(reversed(image.file.parts))))


def _labels(image: AnnotatedImage) -> set[str]:
    return {box.label for box in image.boxes}


def _stratified(images: Sequence[AnnotatedImage], count: int) -> set[int]:
    """Numbers of the images to check with: of each stratum its share."""
    frequency = Counter(label for image in images for label in _labels(image))
    strata: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for number, image in enumerate(images):
        rarest = min(((frequency[label], label) for label in _labels(image)), default=(len(images) + 1, ""))
        strata[rarest].append(number)
    ordered = [strata[key] for key in sorted(strata)]
    quotas = [len(stratum) * count // len(images) for stratum in ordered]
    remainders = [len(stratum) * count % len(images) for stratum in ordered]
    by_remainder = sorted(range(len(ordered)), key=lambda place: (-remainders[place], place))
    for place in by_remainder[: count - sum(quotas)]:
        quotas[place] += 1
    return {number for stratum, quota in zip(ordered, quotas, strict=True) for number in stratum[:quota]}


def _exchange(images: Sequence[AnnotatedImage], held_out: set[int]) -> None:
    """Exchange images between the sides as long as fewer classes are missing afterwards."""
    labels = [frozenset(_labels(image)) for image in images]
    total = Counter(label for found in labels for label in found)
    held = Counter(label for number in held_out for label in labels[number])
    while pair := _exchangeable(labels, held_out, total, held):
        inside, outside = pair
        held_out ^= {inside, outside}
        held = _exchanged(held, labels[inside], labels[outside])


def _exchangeable(
    labels: Sequence[frozenset[str]], held_out: set[int], total: Counter[str], held: Counter[str]
) -> tuple[int, int] | None:
    """A held-out image and another whose exchange leaves fewer classes missing; those of equal labels are alike."""
    lacking = _missing(held, total)
    if not lacking:
        return None
    inside = {labels[number]: number for number in sorted(held_out, reverse=True)}
    outside = {labels[number]: number for number in reversed(range(len(labels))) if number not in held_out}
    for old, new in product(inside, outside):
        if _missing(_exchanged(held, old, new), total) < lacking:
            return inside[old], outside[new]
    return None


def _missing(held: Counter[str], total: Counter[str]) -> int:
    """Classes of two images or more that one side lacks."""
    return sum(number > 1 and held[label] in {0, number} for label, number in total.items())


def _exchanged(held: Counter[str], old: frozenset[str], new: frozenset[str]) -> Counter[str]:
    return Counter({label: held[label] - (label in old) + (label in new) for label in held.keys() | new})
