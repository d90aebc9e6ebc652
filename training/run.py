"""A run: one recipe trained into one folder.

The folder holds `recipe.json` (as run), `metrics.jsonl` (one line for each epoch), `curves.png`, `tensorboard/`,
`checkpoints/` (for `--resume`), `best.safetensors` and, once finished, `summary.json`; that of a generator also has
`samples/` (what fixed latent vectors became over time, or a translator's fixed inputs) and `best-critic.safetensors`,
the critic that belongs to the best generator, or one for each domain.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from training.errors import TrainingError
from training.recipe import Recipe

MAY_CHANGE = ("loop.epochs", "loop.evaluate_every", "loop.save_every", "loop.workers")
"""Fields that may differ when a run is resumed."""

_CONTENTS = (
    "recipe.json", "metrics.jsonl", "curves.png", "tensorboard", "checkpoints", "best.safetensors", "summary.json",
    "samples", "samples.png", "evaluation.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What a person asked for.

    Attributes:
        recipe: with the changes of `--smoke` and `--set` in it.
        folder: where everything goes that the run leaves.
        data: the folder to train on instead of the recipe's own data.
        resume: go on from the folder's last checkpoint.
    """

    recipe: Recipe
    folder: Path
    data: Path | None = None
    resume: bool = False

    @property
    def best(self) -> Path:
        """The weights with the best value of the main metric."""
        return self.folder / "best.safetensors"

    @property
    def metrics(self) -> Path:
        """One line for each epoch."""
        return self.folder / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """What the run cost and reached."""
        return self.folder / "summary.json"

    @property
    def samples(self) -> Path:
        """Sheets of what a generator made on its way."""
        return self.folder / "samples"

    @property
    def checkpoints(self) -> Path:
        """What `--resume` goes on from."""
        return self.folder / "checkpoints"


def prepare_folder(run: Run) -> None:
    """Make the folder ready: empty of an earlier, finished run, or checked to be of this one when it is resumed.

    Raises:
        TrainingError: the folder holds an unfinished run and `resume` is not set; or it is, and there is nothing to do,
            or the folder is of another recipe.
    """
    unfinished = any(run.checkpoints.glob("step-*")) and not run.summary.exists()
    if run.resume:
        _check_recipe(run)
    elif unfinished:
        raise TrainingError(f"{run.folder} holds an unfinished run: go on with --resume, or remove the folder")
    else:
        for path in (*(run.folder / name for name in _CONTENTS), *run.folder.glob("best-*.safetensors")):
            _remove(path)
    run.folder.mkdir(parents=True, exist_ok=True)
    run.summary.unlink(missing_ok=True)  # a run that goes on is not finished
    write_json(run.folder / "recipe.json", run.recipe.model_dump(mode="json"))


def write_json(file: Path, value: Any) -> None:
    """Write an object for people and programs, all or nothing."""
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    partial.replace(file)


def read_json(file: Path) -> dict[str, Any]:
    """An object that `write_json` wrote.

    Raises:
        TrainingError: the file is missing or damaged.
    """
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise TrainingError(f"there is no file {file}") from None
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{file} is damaged: {error}") from None


def read_recipe(file: Path) -> Recipe:
    """A recipe that a run wrote down.

    Raises:
        TrainingError: the file is missing, damaged or no recipe.
    """
    try:
        return Recipe(**read_json(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def changed_fields(folder: Path, recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """The fields, by dotted name, that a run's recipe has otherwise than `recipe`: what they were, what they are.

    Raises:
        TrainingError: the run's recipe is missing or damaged.
    """
    # read as a recipe: a field that recipes did not have when the run was begun has its default
    run = read_recipe(folder / "recipe.json")
    before, now = (_flat(each.model_dump(mode="json")) for each in (run, recipe))
    names = sorted({*before, *now})
    return {name: (before.get(name), now.get(name)) for name in names if before.get(name) != now.get(name)}


def without_starts(recipe: Recipe) -> Recipe:
    """The recipe without files that networks start from: they were trained over, and need not be here any more."""
    options = {name: value for name, value in recipe.model.options.items() if not name.endswith("_weights")}
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"weights": "", "options": options})})


def read_run_summary(folder: Path) -> dict[str, Any]:
    """What a run says of itself; nothing where it is not finished."""
    file = folder / "summary.json"
    return read_json(file) if file.exists() else {}


def _check_recipe(run: Run) -> None:
    file = run.folder / "recipe.json"
    if not file.exists():
        raise TrainingError(f"there is nothing to resume in {run.folder}")
    for field, (before, now) in changed_fields(run.folder, run.recipe).items():
        if field not in MAY_CHANGE:
            raise TrainingError(
                f"{run.folder} was begun with {field} = {before!r}, not {now!r}: "
                "a run is resumed with the recipe that it was begun with"
            )
    if run.summary.exists() and read_json(run.summary)["epochs"] >= run.recipe.loop.epochs:
        raise TrainingError(f"{run.folder} is finished: raise loop.epochs to go on")


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted name."""
    values: dict[str, Any] = {}
    for name, value in table.items():
        values |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return values


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
