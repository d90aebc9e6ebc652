"""`imago detect`: objects in pictures, folders, videos and what a camera sees."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from imago.cli_options import AsJson, AtOnce, Server, Timeout, plan_or_refuse
from imago.client import DEFAULT_SERVER, DEFAULT_TIMEOUT_S, Imago
from imago.detecting import Detecting
from imago.draw import SUFFIXES
from imago.options import DetectOptions, StreamOptions
from imago.outputs import VIDEO_SUFFIXES, copy_suffixes, expand, is_video
from imago.sheets import Sheet
from imago.sightings import WatchOptions
from imago.terminal import failures_in_one_line

VIDEOS = "Videos and cameras"


def detect(  # noqa: PLR0913 - a parameter is a flag
    *,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PHOTO|VIDEO|DIR", help="JPEG, PNG and WebP files, videos, folders of them."),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(metavar="CAMERA", help="Watch a camera until Ctrl-C: 0, /dev/video0 or its address."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE|DIR", help="Draw what was found into copies.")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Which detector; else the server chooses.")] = "",
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Least score of what counts.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option(metavar="LABEL[,LABEL]", help="Only these labels. Repeatable.")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", min=1, max=3000, help="Most detections of a picture or frame, best first.")
    ] = None,
    alert: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Tell when somebody shows this label. Repeatable.", rich_help_panel=VIDEOS),
    ] = None,
    alert_after: Annotated[
        int, typer.Option(min=1, max=1000, metavar="FRAMES", help="In so many frames.", rich_help_panel=VIDEOS)
    ] = 5,
    alert_after_ms: Annotated[
        int, typer.Option(min=0, max=3_600_000, metavar="MS", help="And for so long.", rich_help_panel=VIDEOS)
    ] = 0,
    quality: Annotated[
        int, typer.Option(min=1, max=100, help="JPEG quality of the frames that are sent.", rich_help_panel=VIDEOS)
    ] = 90,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a table of all detections.")] = None,
    at_once: AtOnce = 4,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Find objects, e.g. faces with and without masks, and follow them through videos."""
    if bool(sources) == (camera is not None):
        raise typer.BadParameter("give files and folders, or --camera.", param_hint="PHOTO|VIDEO|DIR")
    wanted = [label for several in labels or [] for label in several.split(",") if label]
    pictures = DetectOptions(model=model, labels=wanted, max_detections=most or 0)
    videos = StreamOptions(model=model, labels=wanted, alert_labels=alert or [])
    if alert:
        videos["alert_after_frames"], videos["alert_after_ms"] = alert_after, alert_after_ms
    if threshold is not None:
        pictures["score_threshold"] = videos["score_threshold"] = threshold
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        # What a camera shows is drawn as a video is.
        files = [Path("camera.webm")] if camera is not None else expand(sources or [], (*SUFFIXES, *VIDEO_SUFFIXES))
        if alert and not any(is_video(file) for file in files):
            raise typer.BadParameter("only videos and cameras raise alerts.", param_hint="--alert")
        jobs = plan_or_refuse(files, output, copy_suffixes)
        with Sheet(csv) if csv else nullcontext() as sheet:
            detecting = Detecting(
                client, pictures, WatchOptions(videos, most or 0, quality), as_json=as_json, sheet=sheet
            )
            whole = detecting.files(jobs, at_once) if camera is None else detecting.camera(camera, jobs[0].copy)
    if not whole:
        raise typer.Exit(1)
