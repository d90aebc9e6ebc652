"""The spaces that images are drawn from, and the draw: which numbers a seed means.

Image `index` of seed `seed` has random numbers of its own: those of numpy's `Generator(Philox(key=seed, counter=[0, 0,
0, index]))` (Salmon et al. 2011: the counter is the position in a stream, so that streams whose last words differ never
meet). No image depends on how many are asked for, or with what they share a batch. Pure functions on arrays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, Literal

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from services.runtime.config import ModelConfig, object_parameter
from services.runtime.errors import InvalidInput, ModelFailed

Distribution = Literal["normal", "uniform"]
Latents = NDArray[np.float32]
"""Vectors (n, size), row-major."""

Classes = NDArray[np.int64]
"""Numbers of classes (n,); 0 for a model without classes."""

Origin = tuple[int, int]
"""The seed and the index that an image was drawn from."""

NORMAL_REACH = 20.0
"""How many deviations a value of a normal space may have: more than sums and differences of drawn vectors ever have."""
MOST_VALUES = 16_384
"""Of one vector, so that an answer with its vectors fits into a message."""
_KEYS = ("name", "dimensions", "distribution", "location", "scale")


@dataclass(frozen=True, slots=True)
class LatentSpace:
    """What a generator draws from, each value by itself.

    Attributes:
        name: unique within the model, e.g. "z".
        dimensions: of one vector.
        distribution: "normal" around location with the deviation scale, or "uniform" within location - scale and
            location + scale.
        location: finite.
        scale: finite, above 0.
    """

    name: str
    dimensions: tuple[int, ...]
    distribution: Distribution
    location: float
    scale: float

    @property
    def size(self) -> int:
        """Values of one vector."""
        return prod(self.dimensions)

    @property
    def range(self) -> tuple[np.float32, np.float32]:
        """Least and greatest value that a vector may have."""
        reach = self.scale if self.distribution == "uniform" else NORMAL_REACH * self.scale
        return np.float32(self.location - reach), np.float32(self.location + reach)

    def draw(self, random: Generator, truncation: float = 1.0) -> Latents:
        """One vector (size,): the next random numbers, in float64, rounded once to float32.

        `truncation` is the share, above 0 and at most 1, of the distance from `location` that remains.
        """
        if self.distribution == "normal":
            numbers = random.normal(0.0, 1.0, self.size)
        else:
            numbers = random.uniform(-1.0, 1.0, self.size)
        return (self.location + truncation * self.scale * numbers).astype(np.float32)

    def within(self, latents: NDArray[np.floating[Any]]) -> Latents:
        """The vectors with what lies outside the range moved to its border."""
        return np.asarray(np.clip(latents, *self.range), np.float32)

    def check(self, values: Latents, field: str) -> None:
        """Raises InvalidInput, with the field that is at fault, unless `values` are one vector of this space."""
        if len(values) != self.size:
            raise InvalidInput(f"{field} has {len(values)} values; space '{self.name}' has {self.size}", field=field)
        low, high = self.range
        bad = np.flatnonzero(~((values >= low) & (values <= high)))  # NaN fails both
        if len(bad):
            place, value = f"{field}[{bad[0]}]", values[bad[0]]
            must = f"in space '{self.name}' values are {low:g} to {high:g}" if isfinite(value) else "it must be finite"
            raise InvalidInput(f"{place} is {value:g}; {must}", field=place)


@dataclass(frozen=True, slots=True)
class Points:
    """What images are made of, a row for each.

    Attributes:
        latents: float32 (n, size).
        classes: int64 (n,), what they are to show.
        origins: what each was drawn from; None for what a caller gave and for what lies between.
    """

    latents: Latents
    classes: Classes
    origins: Sequence[Origin | None]

    def __len__(self) -> int:
        return len(self.latents)

    def slice(self, start: int, end: int) -> "Points":
        return Points(self.latents[start:end], self.classes[start:end], self.origins[start:end])


def draw_points(space: LatentSpace, classes: int, origins: Sequence[Origin], truncation: float = 1.0) -> Points:
    """The vector of each origin and, from the numbers that follow, one of `classes` classes (0: a model without)."""
    latents = np.empty((len(origins), space.size), np.float32)
    numbers = np.zeros(len(origins), np.int64)
    for row, random in enumerate(_streams(origins)):
        latents[row] = space.draw(random, truncation)
        if classes:
            numbers[row] = random.integers(classes)
    return Points(latents, numbers, origins)


def _streams(origins: Sequence[Origin]) -> Iterator[Generator]:
    """The random numbers of each origin, valid until the next is asked for."""
    source = Philox(key=0)
    random, start = Generator(source), source.state
    for seed, index in origins:  # a state is set four times as fast as a Philox is made
        start["state"]["key"][0] = seed
        start["state"]["counter"][3] = index
        source.state = start
        yield random


def read_space(config: ModelConfig, dimensions: tuple[int, ...]) -> LatentSpace:
    """The space that `imago.latent` describes, for a model whose input has these dimensions.

    Raises:
        ModelFailed: it describes none, or one of other dimensions; the sentence names key and value.
    """
    stated = object_parameter(config, "imago.latent")
    where = f"model '{config.name}': imago.latent"
    for key in _KEYS:
        if key not in stated:
            raise ModelFailed(f"{where} has no '{key}'; it must have {', '.join(_KEYS)}")
    for key, value in stated.items():
        if complaint := _complaint(key, value):
            raise ModelFailed(f"{where} has {key} {value!r}; {complaint}")
    space = LatentSpace(
        name=stated["name"],
        dimensions=tuple(stated["dimensions"]),
        distribution=stated["distribution"],
        location=float(stated["location"]),
        scale=float(stated["scale"]),
    )
    if space.dimensions != dimensions:
        raise ModelFailed(f"{where} has dimensions {list(space.dimensions)}, but LATENT has {list(dimensions)}")
    if space.size > MOST_VALUES:
        raise ModelFailed(f"{where} has dimensions {list(dimensions)}, more than {MOST_VALUES} values together")
    return space


def _complaint(key: str, value: Any) -> str:
    """What is wrong with one entry of `imago.latent`; empty when nothing is."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    lengths = value if isinstance(value, list) and value else [0]
    fits = {
        "name": (isinstance(value, str) and bool(value), "it must be a word"),
        "dimensions": (all(type(one) is int and one > 0 for one in lengths), "it must be a list of lengths above 0"),
        "distribution": (value in ("normal", "uniform"), "known are 'normal' and 'uniform'"),
        "location": (number, "it must be a finite number"),
        "scale": (number and value > 0, "it must be a finite number above 0"),
    }
    well, must = fits.get(key, (False, f"known are {', '.join(_KEYS)}"))
    return "" if well else must
