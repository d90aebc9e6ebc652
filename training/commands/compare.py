"""`python -m training compare RUN ... --into DIR`: how fast and how good detectors are, side by side."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.export import find_run
from training.errors import TrainingError

Runs = Annotated[
    list[str] | None, typer.Argument(metavar="RUN...", help="Run folders, or recipes whose runs are in build/runs.")
]
Into = Annotated[Path, typer.Option(metavar="DIR", help="Where comparison.md, .csv and .png go.")]
Untrained = Annotated[
    list[str] | None,
    typer.Option(metavar="RECIPE", help="Compare this recipe's network as it is before training; repeatable."),
]
Batches = Annotated[list[int] | None, typer.Option("--batch", min=1, help="Sizes of batch; else 1 and 32.")]
Rounds = Annotated[int, typer.Option(min=1, help="Turns of every row.")]
Turn = Annotated[float, typer.Option("--turn-s", min=0, help="Seconds of a turn, of one call at least.")]
Threads = Annotated[int, typer.Option(min=0, help="Threads of every engine; 0: as many as torch would take.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="The smallest size: one call of each row, small networks.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(  # noqa: PLR0913 - one for each option
    runs: Runs = None,
    *,
    into: Into,
    untrained: Untrained = None,
    batch: Batches = None,
    rounds: Rounds = 7,
    turn_s: Turn = 2.0,
    threads: Threads = 0,
    smoke: Smoke = False,
) -> None:
    """Time detectors in torch, onnxruntime and OpenVINO, and set that beside their scores and the paper's claims."""
    if not runs and not untrained:
        raise TrainingError("nothing to compare: name runs, or recipes with --untrained")
    from torch import get_num_threads  # noqa: PLC0415 - torch only when needed

    from training.compare import Effort, compare_models  # noqa: PLC0415
    from training.compare_report import write_comparison  # noqa: PLC0415
    from training.export.detectors import trained  # noqa: PLC0415

    effort = Effort(
        batches=tuple(dict.fromkeys(batch or ((1, 2) if smoke else (1, 32)))),
        rounds=1 if smoke else rounds,
        turn_s=0 if smoke else turn_s,
        threads=threads or get_num_threads(),
    )
    contenders = [trained.load_run(find_run(run)) for run in runs or ()]
    contenders += [trained.untrained(name, smoke=smoke) for name in untrained or ()]
    comparison = compare_models(contenders, effort, typer.echo)
    write_comparison(comparison, into)
    typer.echo(f"{into / 'comparison.md'}: {len(comparison.timings)} rows")
