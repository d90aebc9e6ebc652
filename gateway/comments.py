"""The comments of the contracts, which are the reference of every field, read from the committed descriptor set."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import groupby

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

_DESCRIPTOR_SET = "imago.binpb"


@cache
def comments() -> dict[str, str]:
    """Text by full name: of services, methods, messages, fields, enums and enum values, e.g. "imago.v1.Box.x_min"."""
    packed = files("imago.v1").joinpath(_DESCRIPTOR_SET).read_bytes()
    return {name: text for file in FileDescriptorSet.FromString(packed).file for name, text in _of_file(file)}


def _of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    names = dict(_names(file))
    for location in file.source_code_info.location:
        name = names.get(tuple(location.path))
        if name and location.leading_comments.strip():
            yield name, _prose(location.leading_comments)


def _prose(comment: str) -> str:
    """Paragraphs of whole lines: where a line breaks in a contract is no concern of a page."""
    lines = [line.strip() for line in comment.strip().splitlines()]
    return "\n".join(" ".join(words) for blank, words in groupby(lines, key=lambda line: not line) if not blank)


def _names(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Full names by paths of descriptor.proto: 4 messages, 5 enums, 6 services of a file; 2 methods of a service."""
    for index, message in enumerate(file.message_type):
        yield from _names_in_message(message, (4, index), file.package)
    for index, enum in enumerate(file.enum_type):
        yield from _names_in_enum(enum, (5, index), file.package)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (6, index), name
        yield from (((6, index, 2, place), f"{name}.{method.name}") for place, method in enumerate(service.method))


def _names_in_message(
    message: DescriptorProto, path: tuple[int, ...], scope: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    """2 fields, 3 messages, 4 enums of a message."""
    name = f"{scope}.{message.name}"
    yield path, name
    yield from (((*path, 2, place), f"{name}.{field.name}") for place, field in enumerate(message.field))
    for place, nested in enumerate(message.nested_type):
        yield from _names_in_message(nested, (*path, 3, place), name)
    for place, enum in enumerate(message.enum_type):
        yield from _names_in_enum(enum, (*path, 4, place), name)


def _names_in_enum(
    enum: EnumDescriptorProto, path: tuple[int, ...], scope: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    """2 values of an enum."""
    name = f"{scope}.{enum.name}"
    yield path, name
    yield from (((*path, 2, place), f"{name}.{value.name}") for place, value in enumerate(enum.value))
