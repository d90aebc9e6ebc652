"""`python -m training hog-curves`: from which angle on dlib's HOG detector loses a face."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

ROLLS = (0, 10, 20, 30, 40, 50, 60)
YAWS = (0, 10, 20, 30, 40, 50, 60)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("hog-curves")(hog_curves)


def hog_curves(
    faces: Annotated[int, typer.Option(min=1, help="People at every angle.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the first person.")] = 1,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the table and the picture go.")] = Path(
        "build/hog-curves"
    ),
) -> None:
    """Measure the recall of dlib's HOG face detector against roll and yaw, on rendered people."""
    from training.classical.angles import Pose, draw_recalls, measure_all, write_recalls  # noqa: PLC0415

    out.mkdir(parents=True, exist_ok=True)
    poses = [Pose("roll", angle, mask) for mask in (None, "on") for angle in ROLLS]
    poses += [Pose("yaw", angle, mask) for mask in (None, "on") for angle in YAWS]
    measured = measure_all(poses, faces, seed, workers or os.cpu_count() or 1)
    recalls = list(track(measured, "searching", total=len(poses)))
    write_recalls(recalls, out / "hog.csv")
    draw_recalls(recalls, out / "hog.png")
    for each in recalls:
        typer.echo(f"{each.axis:4} {each.degrees:3g} degrees, mask {each.mask or 'none'}: {each.share:.2f}")
    typer.echo(f"table and curves: {out / 'hog.csv'}, {out / 'hog.png'}")
