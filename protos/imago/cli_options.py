"""What several commands share: the flags that say whom to ask, and how a wrong command line is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from imago.outputs import Job, OutputError, Suffixes, picture_suffixes, plan

Server = Annotated[
    str, typer.Option("--server", "-s", envvar="IMAGO_SERVER", metavar="HOST:PORT", help="The gateway to ask.")
]
Timeout = Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="Most time that one call may take.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead of tables.")]
AtOnce = Annotated[int, typer.Option(min=1, max=64, help="Pictures sent at the same time.")]


def plan_or_refuse(
    sources: Sequence[Path], output: Path | None, suffixes_for: Callable[[Path], Suffixes] = picture_suffixes
) -> list[Job]:
    """`outputs.plan`; what cannot be written as asked is a mistake of the command line."""
    try:
        return plan(sources, output, suffixes_for)
    except OutputError as error:
        raise typer.BadParameter(str(error), param_hint="--output") from error
