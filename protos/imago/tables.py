"""Answers as tables for people. Takes messages, gives rich renderables; prints nothing and decides nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from rich.table import Table
from rich.text import Text

from imago.sightings import VideoSummary
from imago.v1.detector_pb2 import DetectFacesResponse, DetectResponse
from imago.v1.gateway_pb2 import (
    AnalyzeResponse,
    ListModelsResponse,
    PartKind,
    PartResult,
    SystemStatusResponse,
)
from imago.v1.generator_pb2 import DescribeModelsResponse, GeneratedImage, LatentDistribution, LatentSpace
from imago.v1.image_pb2 import Detection, Timing
from imago.v1.recognizer_pb2 import IdentifiedFace
from imago.v1.translator_pb2 import DreamResponse, StylizeResponse, TranslateResponse


def faces_by_file(answers: Iterable[tuple[Path, DetectFacesResponse]]) -> Table:
    """One row for each picture, with where its time went."""
    table = _table("file~", "size", ">faces", "model", ">queue", ">compute", ">batch")
    for source, answer in answers:
        table.add_row(
            Text(str(source)),
            f"{answer.width}×{answer.height}",
            str(len(answer.detections)),
            *_timing(answer.timing),
        )
    return table


def objects_by_file(answers: Iterable[tuple[Path, DetectResponse]]) -> Table:
    """One row for each picture: how many objects of which label, and where its time went."""
    table = _table("file~", "size", "found~", "model", ">queue", ">compute", ">batch")
    for source, answer in answers:
        size, found = f"{answer.width}×{answer.height}", Text(_counts(answer.detections))
        table.add_row(Text(str(source)), size, found, *_timing(answer.timing))
    return table


def videos(summaries: Iterable[VideoSummary]) -> Table:
    """One row for each video; `compute` is the mean for a frame."""
    table = _table("file~", "size", ">frames", ">dropped", ">tracks", ">alerts", "model", ">compute")
    for one in summaries:
        figures = (one.frames, one.dropped, len(one.tracks), one.alerts)
        size = "×".join(str(side) for side in one.size)
        compute = _duration(round(one.compute_us / one.frames)) if one.frames else ""
        table.add_row(Text(str(one.source)), size, *(str(figure) for figure in figures), Text(one.model), compute)
    return table


def detections(found: Iterable[Detection]) -> Table:
    """One row for each detection, in pixels of the upright original."""
    table = _table(">#", "label~", ">score", ">x", ">y", ">width", ">height")
    for number, one in enumerate(found, start=1):
        box = one.box
        corner_and_size = (box.x_min, box.y_min, box.x_max - box.x_min, box.y_max - box.y_min)
        table.add_row(str(number), Text(one.label), f"{one.score:.2f}", *(f"{value:.1f}" for value in corner_and_size))
    return table


def parts(answer: AnalyzeResponse) -> Table:
    """One row for each part of an analysis; why one failed is in `failures`."""
    table = _table("part", "service", "found~", "model", ">queue", ">compute", ">batch", ">elapsed")
    for result in answer.parts:
        table.add_row(
            _part_name(result),
            Text(result.service),
            Text(_found(result)) if result.status.code == 0 else Text("failed", "red"),
            *_timing(_part_timing(result), asked=result.part.model),
            _duration(result.elapsed_us),
        )
    return table


def failures(answer: AnalyzeResponse) -> list[str]:
    """A sentence for each part that failed."""
    return [
        f"{_part_name(result)}: {result.status.name}: {result.status.message}"
        for result in answer.parts
        if result.status.code
    ]


def models(answer: ListModelsResponse) -> Table:
    """One row for each model."""
    table = _table("service", "model", ">version", "task", "licence~", "state~")
    for model in answer.models:
        state = Text("ready", "green") if model.ready else Text(model.reason or "not ready", "red")
        table.add_row(
            *(Text(cell) for cell in (model.service, model.name, model.version, model.task, model.licence)), state
        )
    return table


def generators(answer: DescribeModelsResponse) -> Table:
    """One row for each generator: what it makes, out of what, and which classes can be asked for."""
    table = _table("generator", ">version", ">size", "latent", "classes~", "description~")
    for model in answer.models:
        table.add_row(
            Text(model.name),
            model.version,
            f"{model.width}×{model.height}",
            "\n".join(_latent_space(space) for space in model.spaces),
            Text(", ".join(model.labels)),
            Text(model.description),
        )
    return table


def generated(output: Path | None, images: Sequence[GeneratedImage], size: tuple[int, int], timing: Timing) -> Table:
    """What one command has made, with the seeds that make it again: a line for each fact."""
    table = _table("", "~")
    table.show_header = False
    labels = Counter(image.label for image in images if image.label).most_common()
    models, queue, compute, batch = _timing(timing)
    facts = {
        "file": str(output),
        "images": f"{len(images)} of {size[0]}×{size[1]}",
        "model": " ".join(dict.fromkeys(models.plain.split())),
        "seed": "\n".join(f"{seed}, {_span(indices)}" for seed, indices in _by_seed(images).items()),
        "shown": ", ".join(f"{number} {label}" for label, number in labels),
        "time": f"{queue} in queues, {compute} computing, batches of up to {batch}" if batch else "",
    }
    for name, fact in facts.items():
        if fact:
            table.add_row(name, Text(fact))
    return table


def translated(answers: Iterable[tuple[Path, TranslateResponse]]) -> Table:
    """One row for each picture; `cycle` is how far it is from itself after it was translated back."""
    table = _table("file~", "size", "direction", ">cycle", "model", ">queue", ">compute", ">batch")
    for source, answer in answers:
        size, cycle = f"{answer.width}×{answer.height}", f"{answer.cycle_error:.3f}" if answer.cycle_error else ""
        table.add_row(Text(str(source)), size, Text(answer.direction), cycle, *_timing(answer.timing))
    return table


def stylized(answers: Iterable[tuple[Path, StylizeResponse]]) -> Table:
    """One row for each picture."""
    table = _table("file~", "size", "model", ">queue", ">compute", ">batch")
    for source, answer in answers:
        table.add_row(Text(str(source)), f"{answer.result.width}×{answer.result.height}", *_timing(answer.timing))
    return table


def dreamt(answers: Iterable[tuple[Path, DreamResponse]]) -> Table:
    """One row for each picture: how much more of what was strengthened it shows, and the seed that dreams it again."""
    table = _table("file~", "size", ">before", ">after", ">seed", "model", ">queue", ">compute", ">batch")
    for source, answer in answers:
        result = answer.result
        figures = (f"{result.objective_before:.3g}", f"{result.objective_after:.3g}", str(result.seed))
        table.add_row(Text(str(source)), f"{result.width}×{result.height}", *figures, *_timing(answer.timing))
    return table


def services(answer: SystemStatusResponse) -> Table:
    """One row for each service behind the gateway."""
    table = _table("service", "address~", "state~", ">health check")
    for service in answer.services:
        state = Text("serving", "green") if service.serving else Text(service.reason or "not serving", "red")
        table.add_row(Text(service.service), Text(service.address), state, _duration(service.elapsed_us))
    return table


def part_detections(result: PartResult) -> Iterable[Detection]:
    """What a part found that has a box."""
    return [*result.faces.detections, *result.detections.detections]


def _table(*columns: str) -> Table:
    """Columns by name: one that starts with ">" is set flush right, one that ends with "~" is folded to fit.

    All others stay on one line, since people copy what they hold: names, and figures with their units.
    """
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        if column.endswith("~"):
            table.add_column(column.strip(">~"), justify=justify, overflow="fold")
        else:
            table.add_column(column.strip(">~"), justify=justify, overflow="ellipsis", no_wrap=True)
    return table


def _part_name(result: PartResult) -> str:
    return PartKind.Name(result.part.kind).removeprefix("PART_KIND_").lower()


def _found(result: PartResult) -> str:
    """What a part that did not fail has found, in a few words."""
    match result.WhichOneof("result"):
        case "faces":
            return _count(len(result.faces.detections), "face")
        case "detections":
            return _counts(result.detections.detections)
        case "identities":
            return ", ".join(_name(face) for face in result.identities.faces) or _count(0, "face")
        case "attributes":
            return _count(len(result.attributes.faces), "face")
        case "classes":
            return ", ".join(f"{one.label} {one.score:.2f}" for one in result.classes.classes) or "nothing"
        case None:
            return ""


def _latent_space(space: LatentSpace) -> str:
    """e.g. "100 normal"."""
    distribution = LatentDistribution.Name(space.distribution).removeprefix("LATENT_DISTRIBUTION_").lower()
    return f"{'×'.join(str(length) for length in space.dimensions)} {distribution}"


def _by_seed(images: Iterable[GeneratedImage]) -> dict[int, list[int]]:
    """The indices of the images that were drawn, by seed."""
    seeds: dict[int, list[int]] = {}
    for image in images:
        if image.HasField("seed"):
            seeds.setdefault(image.seed, []).append(image.index)
    return seeds


def _span(indices: Sequence[int]) -> str:
    """e.g. "images 0-15"."""
    first, last = min(indices), max(indices)
    return f"image {first}" if first == last else f"images {first}-{last}"


def _counts(found: Iterable[Detection]) -> str:
    """e.g. "3 with_mask, 1 without_mask", the most frequent label first."""
    counted = Counter(one.label for one in found).most_common()
    return ", ".join(f"{number} {label}" for label, number in counted) or "nothing"


def _name(face: IdentifiedFace) -> str:
    return face.candidates[0].display_name if face.candidates else "unknown"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _part_timing(result: PartResult) -> Timing:
    answers = (result.faces, result.detections, result.identities, result.attributes, result.classes)
    return next((answer.timing for answer in answers if answer.HasField("timing")), Timing())


def _timing(timing: Timing, *, asked: str = "") -> tuple[Text, str, str, str]:
    """Models, time in their queues, time computing, and the largest batch the request rode in.

    Where no model was timed there is only the one that was asked for.
    """
    if not timing.models:
        return Text(asked), "", "", ""
    return (
        Text("\n".join(dict.fromkeys(one.model for one in timing.models))),  # tiles are asked for one by one
        _duration(sum(one.queue_us for one in timing.models)),
        _duration(sum(one.compute_us for one in timing.models)),
        str(max(one.batch_size for one in timing.models)),
    )


def _duration(microseconds: int) -> str:
    """At most seven characters up to 999 s."""
    if microseconds < 99_950:
        return f"{microseconds / 1e3:.1f} ms"
    if microseconds < 999_500:
        return f"{microseconds / 1e3:.0f} ms"
    return f"{microseconds / 1e6:.1f} s"
