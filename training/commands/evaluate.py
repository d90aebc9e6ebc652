"""`python -m training evaluate RUN ...`: everything that a finished generator is measured by."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.commands.export import find_run

if TYPE_CHECKING:
    from training.metrics.evaluation import Evaluation

FILE = "evaluation.json"

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...", help="Run folders, or recipes whose runs are in build/runs. Of several the mean is shown."
    ),
]
Images = Annotated[int, typer.Option(min=0, help="Made by the generator; 0: as many as its recipe says.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the latent vectors.")]
Inception = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Weights, pt_inception-2015-12-05-6726825d.pth, for distances as in papers.",
        show_default=False,
    ),
]  # fmt: skip
Synthetic = Annotated[
    bool,
    typer.Option(help="Also train a classifier on made images; takes as long as training the judge."),
]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write all figures here.", show_default=False)
]
Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Real images; else those that the run was trained on.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(  # noqa: PLR0913 - one for each option
    runs: Runs,
    *,
    images: Images = 0,
    seed: Seed = 0,
    inception: Inception = None,
    synthetic: Synthetic = True,
    json: Json = None,
    data: Data = None,
) -> None:
    """Measure finished generators: how good, how varied, how new their images are, beside what real images reach.

    Distances are in the features of the run's own judge, and so cannot be compared with those of papers, nor between
    kinds of images; with --inception those that can be are added. Each run's figures also go to evaluation.json in its
    folder. Several runs of one recipe that differ in their seed give a mean with its 95 % interval.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from training.metrics.evaluation import Effort  # noqa: PLC0415 - torch only when needed
    from training.metrics.evaluation import evaluate as measure  # noqa: PLC0415
    from training.metrics.finished import load_generator  # noqa: PLC0415
    from training.run import write_json  # noqa: PLC0415

    effort = Effort(images, seed, inception, synthetic)
    folders = [find_run(run) for run in runs]
    found = []
    for folder in folders:
        found.append(measure(load_generator(folder, data), effort, lambda text: typer.echo(text, err=True)))
        write_json(folder / FILE, asdict(found[-1]))
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        write_json(json, {"runs": [asdict(each) for each in found], "together": _together(found)})
    _print(found)
    typer.echo("\n".join(f"{folder / FILE}" for folder in folders))


def _together(found: Sequence["Evaluation"]) -> dict[str, dict[str, Any]]:
    """Each figure's mean and interval over the runs."""
    from dataclasses import asdict  # noqa: PLC0415

    from training.metrics.intervals import interval  # noqa: PLC0415

    columns = {name: [each.made.get(name) for each in found] for name in found[0].made}
    known = {name: [value for value in values if value is not None] for name, values in columns.items()}
    return {name: asdict(interval(values)) for name, values in known.items() if values}


def _print(found: Sequence["Evaluation"]) -> None:
    """A table: made images, real ones, and what the figure is."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from training.metrics.evaluation import MEANINGS  # noqa: PLC0415
    from training.metrics.intervals import Interval  # noqa: PLC0415

    together = _together(found)
    about = found[0].about
    runs = f"{len(found)} runs, mean and 95 % interval" if len(found) > 1 else about["recipe"]
    table = Table(title=f"{runs}; {about['images']} images; features: {about['features']}", title_justify="left")
    for name in ("figure", "made", "real", "what it is"):
        table.add_column(name)
    for name, meaning in MEANINGS.items():
        if any(name in each.made for each in found):
            value = str(Interval(**together[name])) if name in together else "-"
            table.add_row(name, value, _real(found[0].real, name), meaning)
    Console(soft_wrap=True).print(table)


def _real(figures: Mapping[str, float | None], name: str) -> str:
    value = figures.get(name)
    return "-" if value is None else f"{value:.4g}"
