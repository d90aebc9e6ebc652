"""Regenerates the stubs and the descriptor set of `imago/v1` from its .proto files.

`python protos/generate.py` writes them; `--check` writes nothing and fails with the names of the files that differ
from what the .proto files give. What a contract means, and whether a change of it is allowed, is not decided here.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parent
PACKAGE = Path("imago", "v1")
# Field comments are in it, so that OpenAPI descriptions can be made from it while a gateway runs.
DESCRIPTOR_SET = PACKAGE / "imago.binpb"
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi", DESCRIPTOR_SET.name)


def generate(source_root: Path, output: Path) -> None:
    """Writes everything that is generated from `source_root/imago/v1/*.proto` under `output/imago/v1`.

    Raises:
        RuntimeError: protoc refused the files; the message is protoc's.
    """
    protos = sorted((source_root / PACKAGE).glob("*.proto"))
    (output / PACKAGE).mkdir(parents=True, exist_ok=True)
    _protoc(
        source_root,
        protos,
        f"--python_out={output}",
        f"--plugin=protoc-gen-mypy={_plugin('protoc-gen-mypy')}",
        f"--mypy_out=quiet:{output}",
    )
    _protoc(
        source_root,
        # The others would only give empty modules.
        [proto for proto in protos if "\nservice " in proto.read_text()],
        f"--grpc_python_out={output}",
        f"--plugin=protoc-gen-mypy_grpc={_plugin('protoc-gen-mypy_grpc')}",
        # A servicer need not write every RPC: gRPC answers UNIMPLEMENTED for the others.
        f"--mypy_grpc_out=quiet,generate_concrete_servicer_stubs:{output}",
    )
    (output / DESCRIPTOR_SET).write_bytes(descriptor_set(source_root))


def descriptor_set(source_root: Path) -> bytes:
    """A serialised FileDescriptorSet of `source_root/imago/v1/*.proto`, with what they import and their comments."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / DESCRIPTOR_SET.name
        protos = sorted((source_root / PACKAGE).glob("*.proto"))
        _protoc(source_root, protos, f"--descriptor_set_out={target}", "--include_imports", "--include_source_info")
        return target.read_bytes()


def drift(source_root: Path) -> list[Path]:
    """The generated files, relative to `source_root`, that are missing, stale or left over."""
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        generate(source_root, fresh)
        expected, present = _generated(fresh), _generated(source_root)
        return sorted(path for path in expected | present if _content(fresh / path) != _content(source_root / path))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="generate.py", description="Regenerate the stubs of protos/imago/v1.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a committed file differs")
    if not parser.parse_args(arguments).check:
        for path in drift(SOURCE_ROOT):
            (SOURCE_ROOT / path).unlink(missing_ok=True)
        generate(SOURCE_ROOT, SOURCE_ROOT)
        return 0
    drifting = drift(SOURCE_ROOT)
    for path in drifting:
        sys.stderr.write(f"protos/{path} is not what the .proto files give; run `make protos`.\n")
    return 1 if drifting else 0


def _protoc(source_root: Path, protos: Sequence[Path], *options: str) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source_root}", *options, *map(str, protos)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"protoc refused the files of {source_root / PACKAGE}: {done.stderr.strip()}")


def _plugin(name: str) -> Path:
    """A protoc plugin of this interpreter's environment, whichever environment the caller's PATH names."""
    return Path(sys.executable).parent / name


def _generated(root: Path) -> set[Path]:
    return {path.relative_to(root) for pattern in GENERATED for path in (root / PACKAGE).glob(pattern)}


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
