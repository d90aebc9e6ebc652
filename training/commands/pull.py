"""`python -m training pull yolo11n --into REPOSITORY`: published weights become a model that servers load."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from training.hub import Watch
    from training.pull import Request

Into = Annotated[Path, typer.Option(metavar="REPOSITORY", help="The model repository, e.g. services/detector/models.")]
Name = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="The model's name, which becomes its folder's.",
        show_default="object_detector, or gatys or dream",
    ),
]
Task = Annotated[
    str | None,
    typer.Option(help="What VGG-19 is to serve: style-optimization or image-dreaming.", show_default=False),
]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Take this file instead of fetching one.", show_default=False),
]
Sha256 = Annotated[
    str,
    typer.Option(
        metavar="HEX", help="The file's SHA-256; needed where none is known, else instead of it.", show_default=False
    ),
]
Url = Annotated[str, typer.Option(metavar="ADDRESS", help="Fetch the file from a mirror.", show_default=False)]
Size = Annotated[
    int | None,
    typer.Option(min=32, metavar="PIXELS", help="Side of the model's square input.", show_default="as published"),
]
Threshold = Annotated[float, typer.Option(min=0, max=1, help="Least score that counts when a caller names none.")]
Version = Annotated[int, typer.Option(help="The model's version; other versions of the folder stay.")]
Force = Annotated[bool, typer.Option("--force", help="Replace that version where it exists.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pull")(pull)


def pull(  # noqa: PLR0913 - one for each option
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="yolo11n, yolo26n (and s, m, l, x), yolov5nu, yolov5su: AGPL-3.0; "
            "ssdlite320_mobilenet_v3_large, fasterrcnn_resnet50_fpn, and for styles and dreams vgg19: BSD-3-Clause.",
        ),
    ],
    *,
    into: Into,
    model: Name = None,
    task: Task = None,
    weights: Weights = None,
    sha256: Sha256 = "",
    url: Url = "",
    size: Size = None,
    threshold: Threshold = 0.25,
    version: Version = 1,
    force: Force = False,
) -> None:
    """Fetch published weights and write them into a model repository.

    Nothing of a file is used before its SHA-256 is the known one, or that of --sha256. A file of ultralytics is a
    pickle: it is then read so that no code in it can run, and only its numbers are used.
    """
    from training.errors import TrainingError  # noqa: PLC0415 - torch only when needed
    from training.export.repository import Place  # noqa: PLC0415
    from training.hub import find_source, has_features  # noqa: PLC0415
    from training.pull import Request  # noqa: PLC0415

    source = find_source(name)
    if task is not None and not has_features(source):
        raise TrainingError(f"--task: {name} is a detector's, for which there is no such option")
    own = _FOLDERS.get(task or "", "features") if has_features(source) else "object_detector"
    place = Place(into, model or own, version, force)
    request = Request(source, place, size or source.size, threshold, weights, url, sha256)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task(f"fetching {name}", visible=False)

        def watch(here: int, total: int) -> None:
            bars.update(bar, completed=here, total=total or None, visible=True)

        said = _features(request, task, watch) if has_features(source) else _detector(request, watch)
    for line in said:
        typer.echo(line)


_FOLDERS = {"style-optimization": "gatys", "image-dreaming": "dream"}


def _detector(request: "Request", watch: "Watch") -> list[str]:
    from training.pull import pull as fetch_and_write  # noqa: PLC0415 - torch only when needed

    pulled, source = fetch_and_write(request, watch), request.source
    said = [
        f"{proof.engine}, {proof.precision}: {proof.detections} detections on {proof.images} images are equal"
        for proof in pulled.proofs
    ]
    return [
        *said,
        f"{pulled.folder}: {source.name} with {len(pulled.labels)} labels, {source.licence}; SHA-256 {pulled.sha256}",
    ]


def _features(request: "Request", task: str | None, watch: "Watch") -> list[str]:
    from training.export.stylisers.pipeline import check_task  # noqa: PLC0415 - torch only when needed
    from training.pull_features import pull_features  # noqa: PLC0415

    return list(pull_features(request, check_task(task), watch))
