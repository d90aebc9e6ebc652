"""The `imago` command: pictures and videos in, tables and annotated copies out, and pictures made anew.

It only talks to servers. The exit code is 1 when anything failed and 2 when the command line makes no sense.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from imago import batch, draw, tables
from imago.cli_detect import detect
from imago.cli_generate import generate, interpolate
from imago.cli_options import AsJson, AtOnce, Server, Timeout, plan_or_refuse
from imago.cli_translate import dream, stylize, translate
from imago.client import DEFAULT_SERVER, DEFAULT_TIMEOUT_S, PART_KINDS, Imago, part
from imago.faces import FaceFinder, FoundFaces
from imago.options import FaceOptions
from imago.outputs import Job, expand
from imago.terminal import as_dict, complain, failures_in_one_line, progress, sentence, show, show_json
from imago.v1.detector_pb2 import DetectFacesResponse, FaceCropOptions, HaarOptions
from imago.v1.gateway_pb2 import Part

app = typer.Typer(
    name="imago",
    help="See what is in pictures and videos, and make new ones, by asking an Imago server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

HAAR = "Options of face_haar"

app.command(no_args_is_help=True)(detect)
app.command(no_args_is_help=True)(generate)
app.command(no_args_is_help=True)(interpolate)
app.command(no_args_is_help=True)(translate)
app.command(no_args_is_help=True)(stylize)
app.command(no_args_is_help=True)(dream)


@app.callback(invoke_without_command=True)
def imago(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if show_version:
        typer.echo(f"imago {_version()}")
        raise typer.Exit


@app.command(no_args_is_help=True)
def faces(  # noqa: PLR0913 - a parameter is a flag
    *,
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO|DIR", help="JPEG, PNG or WebP files, or folders of them.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE|DIR", help="Draw the faces into copies.")
    ] = None,
    crops: Annotated[Path | None, typer.Option(metavar="DIR", help="Save each face as a JPEG of its own.")] = None,
    aligned: Annotated[bool, typer.Option("--aligned", help="Turn the faces of --crops upright.")] = False,
    landmarks: Annotated[bool, typer.Option("--landmarks", help="Also find eyes and nose.")] = False,
    model: Annotated[
        str, typer.Option("--model", "-m", help="face_hog, face_mmod, face_haar; else the server chooses.")
    ] = "",
    upsample: Annotated[
        int, typer.Option(min=0, max=4, help="Double the picture so often, for small faces.", show_default=False)
    ] = 0,
    longest_side: Annotated[
        int | None, typer.Option(min=64, max=8192, metavar="PIXELS", help="Search in at most this size.")
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Least score of a face.")] = None,
    largest_only: Annotated[bool, typer.Option("--largest-only", help="Only the largest face.")] = False,
    haar_scale_factor: Annotated[
        float | None, typer.Option(min=1.01, max=4, help="Growth from one size to the next.", rich_help_panel=HAAR)
    ] = None,
    haar_min_neighbours: Annotated[
        int | None, typer.Option(min=0, max=100, help="Hits that make a face.", rich_help_panel=HAAR)
    ] = None,
    haar_min_size: Annotated[
        int | None,
        typer.Option(min=1, max=8192, metavar="PIXELS", help="Least side of a face.", rich_help_panel=HAAR),
    ] = None,
    at_once: AtOnce = 4,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Find the faces in photographs."""
    if aligned and crops is None:
        raise typer.BadParameter("it says how faces are cut out: give --crops too.", param_hint="--aligned")
    options = FaceOptions(
        model=model, upsample=upsample, longest_side=longest_side or 0, largest_only=largest_only, landmarks=landmarks
    )
    if min_score is not None:
        options["score_threshold"] = min_score
    if crops is not None:
        options["crops"] = FaceCropOptions(aligned=aligned)
    haar = HaarOptions(scale_factor=haar_scale_factor, min_neighbours=haar_min_neighbours, min_size=haar_min_size)
    if haar.ListFields():
        options["haar"] = haar
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        jobs = plan_or_refuse(expand(photos, tuple(draw.SUFFIXES)), output)
        if crops is not None:
            crops.mkdir(parents=True, exist_ok=True)
        _find_faces(jobs, FaceFinder(client, options, crops), at_once=at_once, as_json=as_json)


@app.command(no_args_is_help=True)
def analyze(  # noqa: PLR0913 - a parameter is a flag
    *,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A JPEG, PNG or WebP file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE|DIR", help="Draw what was found into a copy.")
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option("--part", "-p", metavar="PART[:MODEL]", help=f"Only this: {', '.join(PART_KINDS)}. Repeatable."),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose gallery people are looked up in.")] = "",
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Ask every service about one photograph."""
    wanted = [_part(name) for name in parts or []]
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        (job,) = plan_or_refuse([photo], output)
        picture = photo.read_bytes()
        answer = client.analyze(picture, parts=wanted, tenant=tenant)
        if job.copy:
            found = [one for result in answer.parts for one in tables.part_detections(result)]
            draw.save(draw.annotate(picture, found), job.copy)
        if as_json:
            show_json(answer, file=str(photo))
        else:
            show(tables.parts(answer))
            for failure in tables.failures(answer):
                complain(failure)
    if any(result.status.code for result in answer.parts):
        raise typer.Exit(1)


@app.command()
def models(as_json: AsJson = False, server: Server = DEFAULT_SERVER, timeout: Timeout = DEFAULT_TIMEOUT_S) -> None:
    """List the models that can be asked, and what can be asked of generators."""
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        answer = client.models()
        generates = any(model.task == "image-generation" and model.ready for model in answer.models)
        described = client.describe_generators() if generates else None
    if as_json:
        show_json(answer, **({"generators": as_dict(described)} if described else {}))
        return
    show(tables.models(answer), *([tables.generators(described)] if described else []))
    for service in answer.unreachable:
        complain(f"{service.service} at {service.address} cannot be asked: {service.reason}")


@app.command()
def status(as_json: AsJson = False, server: Server = DEFAULT_SERVER, timeout: Timeout = DEFAULT_TIMEOUT_S) -> None:
    """Say how each service is; fails when one does not serve."""
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        answer = client.status()
    if as_json:
        show_json(answer)
    else:
        show(tables.services(answer))
    if not all(service.serving for service in answer.services):
        raise typer.Exit(1)


def main() -> None:
    """What the installed `imago` command calls."""
    app()


def _find_faces(jobs: list[Job], find: FaceFinder, *, at_once: int, as_json: bool) -> None:
    answers: list[tuple[Path, DetectFacesResponse]] = []
    with progress(len(jobs)) as bar:
        for job, found in bar.track(batch.run(jobs, find, workers=at_once), total=len(jobs), description="faces"):
            if not isinstance(found, FoundFaces):
                complain(sentence(found, about=str(job.source)))
                continue
            answers.append((job.source, found.answer))
            if as_json:
                show_json(found.answer, file=str(job.source), crops=[str(path) for path in found.crops])
    if answers and not as_json:
        one = [tables.detections(answers[0][1].detections)] if len(jobs) == 1 else []
        show(tables.faces_by_file(answers), *one)
    if len(answers) < len(jobs):
        raise typer.Exit(1)


def _part(name: str) -> Part:
    try:
        return part(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--part") from error


def _version() -> str:
    try:
        return version("imago")
    except PackageNotFoundError:
        return "from a source tree that is not installed"
