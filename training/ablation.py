"""An ablation: an experiment as it is, and without one of its parts at a time, each with several seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.metrics.intervals import Interval, interval
from training.recipe import Recipe, load_recipe
from training.run import Run, changed_fields
from training.summary import read_summary

WHOLE = "whole"
"""The variant that nothing is changed in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared.

    Attributes:
        recipe: with a table `ablations`.
        seeds: of each variant.
        folder: has a run folder for each variant and seed.
        variants: names out of the recipe's table, or `WHOLE`.
        changes: of all runs, by dotted field, as of `--set`.
        smoke: the recipe's smallest size.
    """

    recipe: str
    seeds: Sequence[int]
    folder: Path
    variants: Sequence[str]
    changes: Mapping[str, str]
    smoke: bool = False

    def runs(self) -> Iterator[Run]:
        """Those that are not finished, a seed of all variants after the other; what was begun is resumed.

        Raises:
            TrainingError: a change that does not fit the recipe, or a finished run of other settings.
        """
        for seed in self.seeds:
            for variant in self.variants:
                folder, recipe = self.folder_of(variant, seed), self._recipe(variant, seed)
                if (folder / "summary.json").is_file():
                    _check_same(folder, recipe)
                else:
                    yield Run(recipe, folder, resume=any((folder / "checkpoints").glob("step-*")))

    def folder_of(self, variant: str, seed: int) -> Path:
        """Of one run."""
        return self.folder / f"{variant}-seed{seed}"

    def scores(self) -> dict[str, dict[str, Interval]]:
        """The scores after the last epoch by variant and name, over all seeds.

        Raises:
            TrainingError: a run is not finished.
        """
        return {variant: self._scores(variant) for variant in self.variants}

    def _scores(self, variant: str) -> dict[str, Interval]:
        found = [read_summary(self.folder_of(variant, seed))["final"] for seed in self.seeds]
        columns = {name: [scores[name] for scores in found] for name in found[0] if name != "epoch"}
        return {name: interval(values) for name, values in columns.items() if None not in values}

    def _recipe(self, variant: str, seed: int) -> Recipe:
        overrides = {} if variant == WHOLE else load_recipe(self.recipe).ablations[variant]
        changes = {**self.changes, "loop.seed": str(seed)}
        return load_recipe(self.recipe, smoke=self.smoke, overrides=overrides, changes=changes)


def _check_same(folder: Path, recipe: Recipe) -> None:
    """Runs of different lengths or sizes are no comparison."""
    for field, (before, now) in changed_fields(folder, recipe).items():
        raise TrainingError(
            f"{folder} is finished, with {field} = {before!r}, not {now!r}: give the same settings, or another --out"
        )


def variants_of(recipe: str, wanted: Sequence[str]) -> list[str]:
    """The variants to run: those that are wanted, or all, the whole first.

    Raises:
        TrainingError: the recipe has no ablations, or none of that name.
    """
    known = [WHOLE, *load_recipe(recipe).ablations]
    if len(known) == 1:
        raise TrainingError(f"recipe {recipe} has no table 'ablations', which names its parts and what replaces them")
    for name in wanted:
        if name not in known:
            raise TrainingError(f"recipe {recipe} has no ablation '{name}'; there are {', '.join(known)}")
    return list(wanted) or known


def as_json(scores: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any]:
    """The same in objects for a file."""
    return {variant: {name: asdict(value) for name, value in found.items()} for variant, found in scores.items()}
