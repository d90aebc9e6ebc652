"""Weights that others publish: where they are, how they are fetched, and how one knows that they are the right ones.

Checksums of ultralytics' files are those that several independent projects have pinned; for files without one the
person who pulls has to name it. torchvision's files carry the first digits of theirs in their names.
"""

import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from training.errors import TrainingError

CACHE = Path("build/weights")
"""Where fetched files stay."""

TIMEOUT_S = 30
_CHUNK = 1 << 20
_ULTRALYTICS = "https://github.com/ultralytics/assets/releases/download/{release}/{name}.pt"
_RELEASES = {"yolo26": "v8.4.0", "yolo11": "v8.3.0", "yolov5": "v8.3.0"}
_CHECKSUMS = {
    "yolo11n": "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1",
    "yolo11s": "85a76fe86dd8afe384648546b56a7a78580c7cb7b404fc595f97969322d502d5",
    "yolo11m": "d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95",
    "yolo11l": "9ebd0e09d59811db4b1d61e2bc6730649608b1ac47f8dd01e2da6bca7c20023f",
    "yolo11x": "7bc158aa95c0ebfdd87f70f01653c1131b93e92522dbe15c228bcd742e773a24",
    "yolo26n": "9b09cc8bf347f0fc8a5f7657480587f25db09b34bf33b0652110fb03a8ad4fef",
    "yolo26s": "646f8bc3fe0a656803d95c294f7852321748cb29d13466a1af8862e2db384a1b",
    "yolo26m": "401cea9ab23ad19246ff7744859816bc599f350e93c9dd30367b6f0a0745d0b7",
    "yolo26l": "9fe3c544f2b19bebad7ea41e76d7ad3d88b7c2f10d11d24430c5311f6b32db26",
    "yolo26x": "9fdd44a31c504547ffb81d2c6d9e6dac3493c8eaa8b0398d3f43bae6c7003e92",
    "yolov5nu": "",
    "yolov5su": "",
}
_TORCHVISION = {"ssdlite320_mobilenet_v3_large": 320, "fasterrcnn_resnet50_fpn": 640}
_FEATURES = {"vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"}
_DIGITS = re.compile(r"[0-9a-f]{8,64}")

Watch = Callable[[int, int], None]
"""Told how many bytes are here, and how many there will be (0: unknown)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A published file of weights.

    Attributes:
        name: what a person asks for.
        publisher: "ultralytics" or "torchvision".
        address: where it is.
        sha256: the checksum in hexadecimal digits, its first eight or more, or "" where none is known.
        size: side of the square input in pixels that the weights were made for; 0: any.
        licence: of the weights.
    """

    name: str
    publisher: str
    address: str
    sha256: str
    size: int
    licence: str


def source_names() -> list[str]:
    """What can be asked for."""
    return [*_CHECKSUMS, *_TORCHVISION, *_FEATURES]


def has_features(source: "Source") -> bool:
    """Whether these are weights that styles and dreams are made of, and no detector's."""
    return source.name in _FEATURES


def find_source(name: str) -> Source:
    """A source by its name.

    Raises:
        TrainingError: nobody publishes that, as far as this table knows.
    """
    if name in _CHECKSUMS:
        release = next(release for family, release in _RELEASES.items() if name.startswith(family))
        address = _ULTRALYTICS.format(release=release, name=name)
        return Source(name, "ultralytics", address, _CHECKSUMS[name], 640, "AGPL-3.0")
    if name in _TORCHVISION:
        from torchvision.models import get_model_weights  # noqa: PLC0415 - seconds, for these names only

        address = get_model_weights(name).COCO_V1.url
        return Source(name, "torchvision", address, _digits(address), _TORCHVISION[name], "BSD-3-Clause")
    if name in _FEATURES:
        return Source(name, "torchvision", _FEATURES[name], _digits(_FEATURES[name]), 0, "BSD-3-Clause")
    raise TrainingError(f"there are no weights '{name}' to pull; there are {', '.join(source_names())}")


def _digits(address: str) -> str:
    """The first digits of the checksum, which torchvision's file names end with."""
    return address.rpartition("-")[2].partition(".")[0]


def fetch(address: str, file: Path, sha256: str, watch: Watch = lambda here, total: None) -> Path:
    """Download into `file`, which appears only when its checksum is right. A right one that is there already is kept.

    Args:
        address: http, https or file.
        file: where to.
        sha256: as `check`.
        watch: is told of the progress.

    Raises:
        TrainingError: it cannot be fetched, or it is not the file that is wanted.
    """
    if not address.startswith(("https://", "http://", "file://")):
        raise TrainingError(f"--url {address}: must begin with https://, http:// or file://")
    if file.is_file() and sha256 and checksum(file).startswith(sha256):
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    try:
        _download(address, partial, watch)
        check(partial, sha256, address)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return file


def check(file: Path, sha256: str, whence: str) -> None:
    """Refuse a file that is not the one that is wanted.

    Args:
        file: what came.
        sha256: what its SHA-256 must begin with: 8 to 64 hexadecimal digits.
        whence: for the sentence.

    Raises:
        TrainingError: no checksum to compare with, no checksum at all, or another one.
    """
    found = checksum(file)
    if not sha256:
        raise TrainingError(
            f"{whence}: no checksum is known for it; its SHA-256 is {found}: compare that with what its publisher "
            f"says, then repeat with --sha256 {found}"
        )
    if not _DIGITS.fullmatch(sha256.lower()):
        raise TrainingError(f"--sha256 {sha256}: must be 8 to 64 hexadecimal digits")
    if not found.startswith(sha256.lower()):
        raise TrainingError(f"{whence}: its SHA-256 is {found}, not {sha256}: it is damaged, or another file")


def checksum(file: Path) -> str:
    """SHA-256 in hexadecimal digits.

    Raises:
        TrainingError: the file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise TrainingError(f"{file} cannot be read: {error.strerror}") from None


def _download(address: str, file: Path, watch: Watch) -> None:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as response, file.open("wb") as opened:
            total = int(response.headers.get("Content-Length") or 0)
            while chunk := response.read(_CHUNK):
                opened.write(chunk)
                watch(opened.tell(), total)
            if opened.tell() < total:
                raise TrainingError(f"{address} ended after {opened.tell()} of {total} bytes; try again")
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise TrainingError(
            f"{address} cannot be fetched: {reason}; where there is no network, --weights FILE takes a file that "
            "came another way"
        ) from None
