"""Answers as tables for people. Takes messages, gives rich renderables; prints nothing and decides nothing."""

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table
from rich.text import Text

from imago.v1.detector_pb2 import DetectFacesResponse
from imago.v1.gateway_pb2 import (
    AnalyzeResponse,
    ListModelsResponse,
    PartKind,
    PartResult,
    SystemStatusResponse,
)
from imago.v1.image_pb2 import Detection, Timing
from imago.v1.recognizer_pb2 import IdentifiedFace


def faces_by_file(answers: Iterable[tuple[Path, DetectFacesResponse]]) -> Table:
    """One row for each picture, with where its time went."""
    table = _table("file", "size", ">faces", "model", ">queue", ">compute", ">batch")
    for source, answer in answers:
        table.add_row(
            Text(str(source)),
            f"{answer.width}×{answer.height}",
            str(len(answer.detections)),
            *_timing(answer.timing),
        )
    return table


def detections(found: Iterable[Detection]) -> Table:
    """One row for each detection, in pixels of the upright original."""
    table = _table(">#", "label", ">score", ">x", ">y", ">width", ">height")
    for number, one in enumerate(found, start=1):
        box = one.box
        corner_and_size = (box.x_min, box.y_min, box.x_max - box.x_min, box.y_max - box.y_min)
        table.add_row(str(number), Text(one.label), f"{one.score:.2f}", *(f"{value:.1f}" for value in corner_and_size))
    return table


def parts(answer: AnalyzeResponse) -> Table:
    """One row for each part of an analysis."""
    table = _table("part", "service", "status", "found", "model", ">queue", ">compute", ">batch", ">elapsed")
    for result in answer.parts:
        table.add_row(
            PartKind.Name(result.part.kind).removeprefix("PART_KIND_").lower(),
            Text(result.service),
            Text("OK", "green") if result.status.code == 0 else Text(result.status.name, "red"),
            Text(_found(result)),
            *_timing(_part_timing(result)),
            _milliseconds(result.elapsed_us),
        )
    return table


def models(answer: ListModelsResponse) -> Table:
    """One row for each model."""
    table = _table("service", "model", ">version", "task", "licence", "state")
    for model in answer.models:
        state = Text("ready", "green") if model.ready else Text(model.reason or "not ready", "red")
        table.add_row(
            *(Text(cell) for cell in (model.service, model.name, model.version, model.task, model.licence)), state
        )
    return table


def services(answer: SystemStatusResponse) -> Table:
    """One row for each service behind the gateway."""
    table = _table("service", "address", "state", ">health check")
    for service in answer.services:
        state = Text("serving", "green") if service.serving else Text(service.reason or "not serving", "red")
        table.add_row(Text(service.service), Text(service.address), state, _milliseconds(service.elapsed_us))
    return table


def part_detections(result: PartResult) -> Iterable[Detection]:
    """What a part found that has a box."""
    return [*result.faces.detections, *result.detections.detections]


def _table(*columns: str) -> Table:
    """Columns by name; a name that starts with ">" is set flush right."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for column in columns:
        numeric = column.startswith(">")
        # Folded, never cut: a path or a reason must be readable as a whole.
        table.add_column(column.lstrip(">"), justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    return table


def _found(result: PartResult) -> str:
    """What a part found, in a few words; the service's sentence when it failed."""
    match result.WhichOneof("result"):
        case "faces":
            return _count(len(result.faces.detections), "face")
        case "detections":
            return ", ".join(one.label for one in result.detections.detections) or "nothing"
        case "identities":
            return ", ".join(_name(face) for face in result.identities.faces) or _count(0, "face")
        case "attributes":
            return _count(len(result.attributes.faces), "face")
        case "classes":
            return ", ".join(f"{one.label} {one.score:.2f}" for one in result.classes.classes) or "nothing"
        case None:
            return result.status.message


def _name(face: IdentifiedFace) -> str:
    return face.candidates[0].display_name if face.candidates else "unknown"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _part_timing(result: PartResult) -> Timing:
    answers = (result.faces, result.detections, result.identities, result.attributes, result.classes)
    return next((answer.timing for answer in answers if answer.HasField("timing")), Timing())


def _timing(timing: Timing) -> tuple[Text, str, str, str]:
    """Models, time in their queues, time computing, and the largest batch the request rode in."""
    if not timing.models:
        return Text(), "", "", ""
    return (
        Text(" + ".join(one.model for one in timing.models)),
        _milliseconds(sum(one.queue_us for one in timing.models)),
        _milliseconds(sum(one.compute_us for one in timing.models)),
        str(max(one.batch_size for one in timing.models)),
    )


def _milliseconds(microseconds: int) -> str:
    return f"{microseconds / 1000:.1f} ms"
