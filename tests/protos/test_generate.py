"""The committed stubs are what the .proto files give, and drift is named file by file."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import generate

V1 = generate.PACKAGE


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source root of one small contract with its stubs."""
    root = tmp_path_factory.mktemp("protos")
    (root / V1).mkdir(parents=True)
    (root / V1 / "echo.proto").write_text(
        'syntax = "proto3";\npackage imago.v1;\n'
        "service EchoService { rpc Echo(EchoRequest) returns (EchoRequest); }\n"
        "// Why it is here.\nmessage EchoRequest { string text = 1; }\n"
    )
    (root / V1 / "noun.proto").write_text('syntax = "proto3";\npackage imago.v1;\nmessage Noun {}\n')
    generate.generate(root, root)
    return root


@pytest.fixture
def source_root(generated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(generated, tmp_path / "protos")


def test_committed_files_are_what_the_proto_files_give() -> None:
    assert generate.drift(generate.SOURCE_ROOT) == []


def test_only_files_with_a_service_get_a_grpc_module(generated: Path) -> None:
    assert {path.name for path in (generated / V1).glob("*_grpc.py*")} == {"echo_pb2_grpc.py", "echo_pb2_grpc.pyi"}


def test_fresh_files_do_not_drift(source_root: Path) -> None:
    assert generate.drift(source_root) == []


@pytest.mark.parametrize(
    ("change", "drifting"),
    [
        (lambda v1: (v1 / "echo_pb2.py").unlink(), "echo_pb2.py"),
        (lambda v1: (v1 / "echo_pb2.pyi").write_text("x: int\n"), "echo_pb2.pyi"),
        (lambda v1: (v1 / "echo_pb2_grpc.py").write_text(""), "echo_pb2_grpc.py"),
        (lambda v1: (v1 / "gone_pb2.py").write_text(""), "gone_pb2.py"),
        (lambda v1: (v1 / "imago.binpb").write_bytes(b""), "imago.binpb"),
    ],
    ids=["missing", "edited", "emptied", "left over", "descriptor set"],
)
def test_a_file_that_differs_is_named(source_root: Path, change: Callable[[Path], object], drifting: str) -> None:
    change(source_root / V1)
    assert generate.drift(source_root) == [V1 / drifting]


def test_check_names_the_files_and_writes_nothing(
    source_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "SOURCE_ROOT", source_root)
    (source_root / V1 / "gone_pb2.py").write_text("")
    assert generate.main(["--check"]) == 1
    assert "protos/imago/v1/gone_pb2.py is not what the .proto files give" in capsys.readouterr().err
    assert (source_root / V1 / "gone_pb2.py").exists()
    assert generate.main([]) == 0
    assert not (source_root / V1 / "gone_pb2.py").exists()
    assert generate.main(["--check"]) == 0


def test_a_contract_that_protoc_refuses_says_where(source_root: Path) -> None:
    (source_root / V1 / "noun.proto").write_text("message {")
    with pytest.raises(RuntimeError, match=r"noun\.proto:1:9"):
        generate.generate(source_root, source_root)


def test_the_descriptor_set_carries_imports_and_comments(generated: Path) -> None:
    files = FileDescriptorSet.FromString((generated / generate.DESCRIPTOR_SET).read_bytes()).file
    comments = [location.leading_comments.strip() for file in files for location in file.source_code_info.location]
    assert "Why it is here." in comments
    committed = FileDescriptorSet.FromString((generate.SOURCE_ROOT / generate.DESCRIPTOR_SET).read_bytes())
    assert "google/protobuf/timestamp.proto" in [file.name for file in committed.file]
