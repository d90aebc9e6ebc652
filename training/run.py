"""A run: one recipe trained into one folder.

The folder holds `recipe.json` (as run), `metrics.jsonl` (one line for each epoch), `curves.png`, `tensorboard/`,
`checkpoints/` (for `--resume`), `best.safetensors` and, once finished, `summary.json`.
"""

from dataclasses import dataclass
from pathlib import Path

from training.recipe import Recipe


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
