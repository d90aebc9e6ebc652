"""Refuses a change of the contracts that would break somebody who was compiled against the committed ones.

Compared are the working .proto files and the descriptor set of an earlier commit: as bytes on the wire, as protobuf
JSON (which REST speaks) and as generated modules. Comments, options and additions are ignored.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from generate import DESCRIPTOR_SET, SOURCE_ROOT, descriptor_set

# Others keep these compatible.
FOREIGN = "google/"


def breaking_changes(old: FileDescriptorSet, new: FileDescriptorSet) -> list[str]:
    """One sentence for each change that breaks a caller or a server of `old`; empty when there is none."""
    now = {file.name: file for file in _own(new)}
    complaints: list[str] = []
    kept = []
    for file in _own(old):
        if file.name in now and now[file.name].package != file.package:
            complaints.append(f"File {file.name} changed its package from {file.package} to {now[file.name].package}.")
        else:
            kept.append(file)
    before, after = _Contract.of(kept), _Contract.of(now.values())
    complaints.extend(_whereabouts(before.places, after.places))
    for name in before.messages.keys() & after.messages.keys():
        complaints.extend(_message(name, before.messages[name], after.messages[name]))
    for name in before.enums.keys() & after.enums.keys():
        complaints.extend(_enum(name, before.enums[name], after.enums[name]))
    for name in before.services.keys() & after.services.keys():
        complaints.extend(_service(name, before.services[name], after.services[name]))
    return sorted(complaints)


@dataclass(frozen=True, slots=True)
class _Contract:
    """Everything that is defined, by full name."""

    messages: dict[str, DescriptorProto]
    enums: dict[str, EnumDescriptorProto]
    services: dict[str, ServiceDescriptorProto]
    # ("Message", full name) -> file.
    places: dict[tuple[str, str], str]

    @classmethod
    def of(cls, files: Iterable[FileDescriptorProto]) -> "_Contract":
        contract = cls({}, {}, {}, {})
        for file in files:
            for service in file.service:
                name = f"{file.package}.{service.name}"
                contract.services[name] = service
                contract.places["Service", name] = file.name
            contract._add_types(file.name, file.package, file.message_type, file.enum_type)
        return contract

    def _add_types(
        self, file: str, scope: str, messages: Iterable[DescriptorProto], enums: Iterable[EnumDescriptorProto]
    ) -> None:
        for enum in enums:
            name = f"{scope}.{enum.name}"
            self.enums[name] = enum
            self.places["Enum", name] = file
        for message in messages:
            name = f"{scope}.{message.name}"
            self.messages[name] = message
            self.places["Message", name] = file
            self._add_types(file, name, message.nested_type, message.enum_type)


def _own(files: FileDescriptorSet) -> list[FileDescriptorProto]:
    return [file for file in files.file if not file.name.startswith(FOREIGN)]


def _whereabouts(old: Mapping[tuple[str, str], str], new: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for (kind, name), file in old.items():
        if (kind, name) not in new:
            yield f"{kind} {name} was removed."
        elif new[kind, name] != file:
            yield f"{kind} {name} moved from {file} to {new[kind, name]}, which changes the module it is imported from."


class _Range(NamedTuple):
    start: int
    # Exclusive.
    end: int


@dataclass(frozen=True, slots=True)
class _Members:
    """The numbered names of a message or an enum, and those that it has given up."""

    kind: str
    owner: str
    numbers: dict[str, int]
    reserved_ranges: list[_Range]
    reserved_names: set[str]

    def breaks(self, new: "_Members") -> Iterator[str]:
        names = {number: name for name, number in new.numbers.items()}
        for name, number in self.numbers.items():
            here = f"{self.kind} {self.owner}.{name}"
            if name in new.numbers:
                if new.numbers[name] != number:
                    yield f"{here} changed its number from {number} to {new.numbers[name]}."
            elif number in names:
                yield f"{here} was replaced: its number {number} is now {names[number]}."
            elif not _covers(new.reserved_ranges, _Range(number, number + 1)) or name not in new.reserved_names:
                yield f"{here} was removed without reserving both its number {number} and its name."
        for gone in self.reserved_ranges:
            if not _covers(new.reserved_ranges, gone):
                yield f"{self.owner} no longer reserves the numbers {gone.start} to {gone.end - 1}."
        for name in self.reserved_names - new.reserved_names:
            yield f"{self.owner} no longer reserves the name {name}."


def _covers(ranges: Iterable[_Range], wanted: _Range) -> bool:
    position = wanted.start
    for present in sorted(ranges):
        if present.start <= position < present.end:
            position = present.end
    return position >= wanted.end


def _message(name: str, old: DescriptorProto, new: DescriptorProto) -> Iterator[str]:
    yield from _fields(name, old).breaks(_fields(name, new))
    now = {field.name: field for field in new.field}
    for field in old.field:
        if field.name in now:
            before, after = _shape(field, old), _shape(now[field.name], new)
            for aspect in before:
                if before[aspect] != after[aspect]:
                    change = f"from {before[aspect]} to {after[aspect]}"
                    yield f"Field {name}.{field.name} changed its {aspect} {change}."


def _fields(name: str, message: DescriptorProto) -> _Members:
    return _Members(
        "Field",
        name,
        {field.name: field.number for field in message.field},
        [_Range(gone.start, gone.end) for gone in message.reserved_range],
        set(message.reserved_name),
    )


def _shape(field: FieldDescriptorProto, message: DescriptorProto) -> dict[str, str]:
    """What callers rely on in a field, besides its name and number."""
    repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    return {
        "type": field.type_name or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower(),
        "label": "repeated" if repeated else "optional" if field.proto3_optional else "singular",
        "oneof": message.oneof_decl[field.oneof_index].name if in_oneof else "none",
        "JSON name": field.json_name,
    }


def _enum(name: str, old: EnumDescriptorProto, new: EnumDescriptorProto) -> Iterator[str]:
    yield from _values(name, old).breaks(_values(name, new))


def _values(name: str, enum: EnumDescriptorProto) -> _Members:
    return _Members(
        "Enum value",
        name,
        {value.name: value.number for value in enum.value},
        # Unlike a message's, an enum's reserved ranges include their end.
        [_Range(gone.start, gone.end + 1) for gone in enum.reserved_range],
        set(enum.reserved_name),
    )


def _service(name: str, old: ServiceDescriptorProto, new: ServiceDescriptorProto) -> Iterator[str]:
    now = {rpc.name: rpc for rpc in new.method}
    for rpc in old.method:
        if rpc.name not in now:
            yield f"RPC {name}.{rpc.name} was removed."
            continue
        before, after = _signature(rpc), _signature(now[rpc.name])
        for side in before:
            if before[side] != after[side]:
                yield f"RPC {name}.{rpc.name} changed its {side} from {before[side]} to {after[side]}."


def _signature(rpc: MethodDescriptorProto) -> dict[str, str]:
    return {
        "request": ("stream " if rpc.client_streaming else "") + rpc.input_type,
        "response": ("stream " if rpc.server_streaming else "") + rpc.output_type,
    }


def committed(repository: Path, working: bytes) -> bytes | None:
    """The descriptor set to compare `working` with; None when no commit holds an earlier one.

    On a branch, that of the commit where it left `origin`'s main line. Otherwise that of HEAD, or, when the contracts
    have not changed since, that before their last change, so that a change is still checked once it is committed.
    """
    path = f"protos/{DESCRIPTOR_SET.as_posix()}"
    fork = _git(repository, "merge-base", "HEAD", "origin/HEAD")
    head = _git(repository, "rev-parse", "HEAD")
    if fork is not None and fork != head:
        return _git(repository, "show", f"{fork.decode().strip()}:{path}")
    at_head = _git(repository, "show", f"HEAD:{path}")
    if at_head != working:
        return at_head
    last = _git(repository, "log", "-1", "--format=%H", "--", path)
    return _git(repository, "show", f"{last.decode().strip()}~1:{path}") if last else None


def _git(repository: Path, *arguments: str) -> bytes | None:
    """What git prints; None when it refuses, e.g. because there is no such commit."""
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="check_compatibility.py", description="Fail on a change of protos/imago/v1 that breaks callers."
    )
    parser.add_argument("--against", type=Path, metavar="FILE", help="a descriptor set; default: the committed one")
    against: Path | None = parser.parse_args(arguments).against
    working = descriptor_set(SOURCE_ROOT)
    earlier = against.read_bytes() if against else committed(SOURCE_ROOT.parent, working)
    if earlier is None:
        sys.stderr.write("No commit holds an earlier descriptor set, so there is nothing to be compatible with.\n")
        return 0
    complaints = breaking_changes(FileDescriptorSet.FromString(earlier), FileDescriptorSet.FromString(working))
    sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
