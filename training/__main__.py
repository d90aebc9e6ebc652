"""`python -m training`: trains recipes, and makes, checks and exports what training needs.

Every command is a module of `training.commands` with `register(app)`. Nothing heavy is imported before a command runs,
so that the help, and the commands that need no torch, start at once.
"""

import gc
import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from training.errors import TrainingError

COMMANDS = (
    "train",
    "log",
    "haar_sweep",
    "hog_curves",
    "export",
    "render",
    "convert",
    "split",
    "report",
    "compare",
    "evaluate",
    "ablate",
    "curves",
    "samples",
    "translations",
    "pull",
)
"""Modules of `training.commands`, in the order of the help."""


class Commands(TyperGroup):
    """Answers an unknown command in one sentence, as any other mistake."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        command = super().get_command(ctx, cmd_name)
        if command is None:
            raise TrainingError(f"there is no recipe or command '{cmd_name}'; there are {', '.join(self.commands)}")
        return command


def application() -> typer.Typer:
    """The command line with every command registered."""
    app = typer.Typer(
        name="python -m training",
        cls=Commands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_describe)  # without it typer makes an only command the whole command line
    for name in COMMANDS:
        import_module(f"training.commands.{name}").register(app)
    return app


def _describe() -> None:
    """Train a recipe, or prepare and check what training needs."""


def main() -> None:
    # GNU's OpenMP, torch's, waits for other threads in a busy loop: where cores are shared, training is 20 times slower
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # importing torch and its company makes objects by the hundred thousand and no garbage: looking for some in between,
    # as often as Python does, is an eighth of the time
    gc.set_threshold(100_000, 20, 100)
    try:
        application()(prog_name="python -m training")
    except TrainingError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
