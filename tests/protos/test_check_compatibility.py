"""Each breaking change of a contract is refused with one sentence; everything else passes."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from hypothesis import given, settings
from hypothesis import strategies as st

import check_compatibility
from check_compatibility import breaking_changes, committed
from generate import DESCRIPTOR_SET, SOURCE_ROOT

Field = FieldDescriptorProto


def contract() -> FileDescriptorSet:
    """Two files that hold one of everything the check looks at."""
    search = FileDescriptorProto(name="imago/v1/search.proto", package="imago.v1", syntax="proto3")
    query = search.message_type.add(name="Query")
    query.field.add(name="text", number=1, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL, json_name="text")
    query.field.add(name="limit", number=2, type=Field.TYPE_UINT32, label=Field.LABEL_OPTIONAL, json_name="limit")
    query.field.add(
        name="near", number=3, type=Field.TYPE_FLOAT, label=Field.LABEL_OPTIONAL, json_name="near", oneof_index=0
    )
    query.oneof_decl.add(name="acceptance")
    query.reserved_range.add(start=8, end=11)
    query.reserved_name.append("old")
    query.nested_type.add(name="Inner")
    kind = search.enum_type.add(name="Kind")
    kind.value.add(name="KIND_UNSPECIFIED", number=0)
    kind.value.add(name="KIND_FACE", number=1)
    kind.reserved_range.add(start=5, end=6)
    search.service.add(name="SearchService").method.add(
        name="Search", input_type=".imago.v1.Query", output_type=".imago.v1.Hit"
    )
    hits = FileDescriptorProto(name="imago/v1/hits.proto", package="imago.v1", syntax="proto3")
    hits.message_type.add(name="Hit")
    return FileDescriptorSet(file=[search, hits])


Change = Callable[[FileDescriptorSet], object]


def query(files: FileDescriptorSet) -> DescriptorProto:
    return files.file[0].message_type[0]


def field(files: FileDescriptorSet, name: str) -> FieldDescriptorProto:
    return next(field for field in query(files).field if field.name == name)


def move_hit(files: FileDescriptorSet) -> None:
    files.file[0].message_type.append(files.file[1].message_type.pop())


def replace_limit(files: FileDescriptorSet) -> None:
    field(files, "limit").MergeFrom(Field(name="most", json_name="most"))


BREAKS: dict[str, tuple[Change, str]] = {
    "package": (
        lambda files: setattr(files.file[0], "package", "imago.v2"),
        "File imago/v1/search.proto changed its package from imago.v1 to imago.v2.",
    ),
    "file move": (
        move_hit,
        "Message imago.v1.Hit moved from imago/v1/hits.proto to imago/v1/search.proto, "
        "which changes the module it is imported from.",
    ),
    "file removed": (lambda files: files.file.pop(1), "Message imago.v1.Hit was removed."),
    "nested message removed": (
        lambda files: query(files).nested_type.pop(),
        "Message imago.v1.Query.Inner was removed.",
    ),
    "enum removed": (lambda files: files.file[0].enum_type.pop(), "Enum imago.v1.Kind was removed."),
    "field removed": (
        lambda files: query(files).field.pop(1),
        "Field imago.v1.Query.limit was removed without reserving both its number 2 and its name.",
    ),
    "field renumbered": (
        lambda files: setattr(field(files, "limit"), "number", 4),
        "Field imago.v1.Query.limit changed its number from 2 to 4.",
    ),
    "field renamed": (replace_limit, "Field imago.v1.Query.limit was replaced: its number 2 is now most."),
    "field retyped": (
        lambda files: setattr(field(files, "limit"), "type", Field.TYPE_INT64),
        "Field imago.v1.Query.limit changed its type from uint32 to int64.",
    ),
    "field of another message": (
        lambda files: field(files, "limit").MergeFrom(Field(type=Field.TYPE_MESSAGE, type_name=".imago.v1.Hit")),
        "Field imago.v1.Query.limit changed its type from uint32 to .imago.v1.Hit.",
    ),
    "repeated": (
        lambda files: setattr(field(files, "limit"), "label", Field.LABEL_REPEATED),
        "Field imago.v1.Query.limit changed its label from singular to repeated.",
    ),
    "presence": (
        lambda files: setattr(field(files, "limit"), "proto3_optional", True),
        "Field imago.v1.Query.limit changed its label from singular to optional.",
    ),
    "out of its oneof": (
        lambda files: field(files, "near").ClearField("oneof_index"),
        "Field imago.v1.Query.near changed its oneof from acceptance to none.",
    ),
    "JSON name": (
        lambda files: setattr(field(files, "limit"), "json_name", "max"),
        "Field imago.v1.Query.limit changed its JSON name from limit to max.",
    ),
    "reserved number": (
        lambda files: setattr(query(files).reserved_range[0], "end", 10),
        "imago.v1.Query no longer reserves the numbers 8 to 10.",
    ),
    "reserved name": (
        lambda files: query(files).ClearField("reserved_name"),
        "imago.v1.Query no longer reserves the name old.",
    ),
    "enum value removed": (
        lambda files: files.file[0].enum_type[0].value.pop(),
        "Enum value imago.v1.Kind.KIND_FACE was removed without reserving both its number 1 and its name.",
    ),
    "enum value renumbered": (
        lambda files: setattr(files.file[0].enum_type[0].value[1], "number", 2),
        "Enum value imago.v1.Kind.KIND_FACE changed its number from 1 to 2.",
    ),
    "enum reservation": (
        lambda files: files.file[0].enum_type[0].ClearField("reserved_range"),
        "imago.v1.Kind no longer reserves the numbers 5 to 6.",
    ),
    "service removed": (lambda files: files.file[0].service.pop(), "Service imago.v1.SearchService was removed."),
    "RPC removed": (
        lambda files: files.file[0].service[0].method.pop(),
        "RPC imago.v1.SearchService.Search was removed.",
    ),
    "RPC request": (
        lambda files: setattr(files.file[0].service[0].method[0], "input_type", ".imago.v1.Hit"),
        "RPC imago.v1.SearchService.Search changed its request from .imago.v1.Query to .imago.v1.Hit.",
    ),
    "RPC response": (
        lambda files: setattr(files.file[0].service[0].method[0], "output_type", ".imago.v1.Query"),
        "RPC imago.v1.SearchService.Search changed its response from .imago.v1.Hit to .imago.v1.Query.",
    ),
    "client streaming": (
        lambda files: setattr(files.file[0].service[0].method[0], "client_streaming", True),
        "RPC imago.v1.SearchService.Search changed its request from .imago.v1.Query to stream .imago.v1.Query.",
    ),
    "server streaming": (
        lambda files: setattr(files.file[0].service[0].method[0], "server_streaming", True),
        "RPC imago.v1.SearchService.Search changed its response from .imago.v1.Hit to stream .imago.v1.Hit.",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), BREAKS.values(), ids=BREAKS.keys())
def test_a_breaking_change_is_refused_with_one_sentence(change: Change, sentence: str) -> None:
    changed = contract()
    change(changed)
    assert breaking_changes(contract(), changed) == [sentence]


def remove_limit_for_good(files: FileDescriptorSet) -> None:
    del query(files).field[1]
    query(files).reserved_range.add(start=2, end=3)
    query(files).reserved_name.append("limit")


def split_a_reservation(files: FileDescriptorSet) -> None:
    query(files).reserved_range[0].end = 9
    query(files).reserved_range.add(start=9, end=11)


ADDITIONS: dict[str, Change] = {
    "nothing": lambda files: None,
    "field": lambda files: query(files).field.add(name="page", number=4, type=Field.TYPE_STRING),
    "message": lambda files: files.file[0].message_type.add(name="Other"),
    "enum value": lambda files: files.file[0].enum_type[0].value.add(name="KIND_HAND", number=2),
    "RPC": lambda files: files.file[0].service[0].method.add(name="Find"),
    "file": lambda files: files.file.add(name="imago/v1/other.proto", package="imago.v1"),
    "reserved removal": remove_limit_for_good,
    "split reservation": split_a_reservation,
    "somebody else's file": lambda files: files.file.add(name="google/protobuf/any.proto"),
}


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS.keys())
def test_an_addition_passes(change: Change) -> None:
    changed = contract()
    change(changed)
    assert breaking_changes(contract(), changed) == []


def test_a_file_of_others_may_go() -> None:
    before = contract()
    before.file.add(name="google/protobuf/any.proto").message_type.add(name="Any")
    assert breaking_changes(before, contract()) == []


COMMITTED = FileDescriptorSet.FromString((SOURCE_ROOT / DESCRIPTOR_SET).read_bytes())
FIELDS = [
    (file, message, position)
    for file, held in enumerate(COMMITTED.file)
    if held.package == "imago.v1"
    for message, owner in enumerate(held.message_type)
    for position in range(len(owner.field))
]


@given(st.sampled_from(FIELDS))
@settings(max_examples=40)
def test_no_field_of_the_real_contracts_can_go_unnoticed(place: tuple[int, int, int]) -> None:
    file, message, position = place
    changed = FileDescriptorSet()
    changed.CopyFrom(COMMITTED)
    gone = changed.file[file].message_type[message].field.pop(position)
    complaints = breaking_changes(COMMITTED, changed)
    assert len(complaints) == 1
    assert f".{gone.name} was removed" in complaints[0]


def git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(repository), *identity, *arguments], check=True, capture_output=True)


def commit(repository: Path, content: bytes) -> None:
    path = repository / "protos" / DESCRIPTOR_SET
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    git(repository, "add", ".")
    git(repository, "commit", "--allow-empty", "-m", "contracts")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-b", "main")
    return tmp_path


def test_a_repository_without_contracts_gives_nothing_to_compare_with(repository: Path) -> None:
    assert committed(repository, b"1") is None
    commit(repository, b"1")
    assert committed(repository, b"1") is None


def test_an_uncommitted_change_is_compared_with_head(repository: Path) -> None:
    commit(repository, b"1")
    assert committed(repository, b"2") == b"1"


def test_a_committed_change_is_compared_with_what_was_before_it(repository: Path) -> None:
    commit(repository, b"1")
    commit(repository, b"2")
    git(repository, "commit", "--allow-empty", "-m", "something else")
    assert committed(repository, b"2") == b"1"


def test_a_branch_is_compared_with_where_it_left_the_main_line(repository: Path) -> None:
    commit(repository, b"1")
    git(repository, "update-ref", "refs/remotes/origin/HEAD", "HEAD")
    commit(repository, b"2")
    commit(repository, b"3")
    assert committed(repository, b"3") == b"1"


def test_the_working_contracts_are_compatible_with_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_compatibility.main(["--against", str(SOURCE_ROOT / DESCRIPTOR_SET)]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_fails_with_a_line_for_each_break(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = FileDescriptorSet()
    earlier.CopyFrom(COMMITTED)
    image = next(file for file in earlier.file if file.name == "imago/v1/image.proto")
    image.message_type.add(name="Thumbnail")
    image.enum_type.add(name="Colour")
    against = tmp_path / "earlier.binpb"
    against.write_bytes(earlier.SerializeToString())
    assert check_compatibility.main(["--against", str(against)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "Enum imago.v1.Colour was removed.",
        "Message imago.v1.Thumbnail was removed.",
    ]
