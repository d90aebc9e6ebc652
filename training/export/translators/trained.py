"""Translators that are exported: one direction of a finished run, with held-out images to prove and to show it by."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from training.data.translated import PairedSplits
from training.errors import TrainingError
from training.export.trained import Trained
from training.run import Run, read_run_summary
from training.translation import translated_images_of
from training.translators.trained import load_translator

Pixels = NDArray[np.uint8]

BETWEEN = "_to_"
"""Stands between the two domains in the name of a direction."""


@dataclass(frozen=True, slots=True)
class TrainedDirection(Trained):
    """A network that makes images of one domain out of images of another, float32 (n, 3, height, width) in -1..1.

    Attributes:
        direction: e.g. "aerial_to_map".
    """

    direction: str

    @property
    def multiple(self) -> int:
        """What the sides of an image must be multiples of."""
        return int(cast(int, self.network.multiple))

    @property
    def least(self) -> int:
        """The smallest side that the network computes."""
        return int(cast(int, self.network.least))

    @property
    def local(self) -> bool:
        """Whether a part of an image comes out the same whatever the rest shows; not with statistics of the image."""
        return bool(self.network.local)

    @property
    def domains(self) -> tuple[str, str]:
        """What goes in and what comes out, e.g. ("aerial", "map")."""
        first, _, second = self.direction.partition(BETWEEN)
        return first, second

    @property
    def opposite(self) -> str:
        """The direction back."""
        return BETWEEN.join(reversed(self.domains))


@dataclass(frozen=True, slots=True)
class Examples:
    """Held-out images of the domain that goes in.

    Attributes:
        inputs: uint8 (n, height, width, 3), RGB.
        targets: what they should become, in the same form; None where nobody knows.
    """

    inputs: Pixels
    targets: Pixels | None


def load_directions(folder: Path, wanted: str | None = None) -> list[TrainedDirection]:
    """The directions of a run, each with its best weights.

    Args:
        folder: the run's.
        wanted: one of its directions; None: all.

    Raises:
        TrainingError: the folder is no run of a translator, it lacks the direction, or a file is missing or damaged.
    """
    loaded, summary = load_translator(folder), read_run_summary(folder)
    if wanted is not None and wanted not in loaded.generators:
        known = ", ".join(loaded.generators)
        raise TrainingError(f"--direction {wanted}: {folder} was trained for {known}")
    return [
        TrainedDirection(loaded.recipe, network, summary, direction)
        for direction, network in loaded.generators.items()
        if wanted in (None, direction)
    ]


def held_out(trained: TrainedDirection, count: int, data: Path | None = None) -> Examples:
    """The first held-out images of the domain that goes in.

    Args:
        trained: says which domain.
        count: at most.
        data: the folder to take them from; None: the run's own data.

    Raises:
        TrainingError: the folder of the run's data is not here and none is named, or it is no data set.
    """
    folder = data or (Path(trained.summary["data"]) if trained.learned_from_folder else None)
    splits = translated_images_of(Run(trained.recipe, Path(), data=folder))
    if isinstance(splits, PairedSplits):
        return Examples(splits.validation.inputs[:count], splits.validation.targets[:count])
    given, _ = trained.domains
    return Examples(splits.validation[splits.domains.index(given)].pixels[:count], None)
