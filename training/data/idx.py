"""IDX files, as MNIST and its successors are published: big-endian sizes, then bytes; packed by gzip or not.

Format: http://yann.lecun.com/exdb/mnist (two zero bytes, the type 8 for bytes, the number of dimensions, each dimension
as 32 bits, the values).
"""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from training.data.examples import Example, ExampleSet
from training.data.faults import Findings, Split
from training.errors import TrainingError

GZIP = b"\x1f\x8b"
BYTES = 8
"""The type of unsigned bytes."""

MOST_DIMENSIONS = 3
PART = 1 << 20
IMAGES = re.compile(r"(?P<set>.*?)[-_.]?images?[-_.]idx3[-_.]ubyte(\.gz)?$", re.IGNORECASE)
LABELS = re.compile(r"(?P<set>.*?)[-_.]?labels?[-_.]idx1[-_.]ubyte(\.gz)?$", re.IGNORECASE)


def is_idx(folder: Path) -> bool:
    """Whether a folder has a file of images by the names of MNIST."""
    return any(IMAGES.fullmatch(file.name) for file in folder.iterdir())


def idx_examples(folder: Path) -> ExampleSet:
    """The images of a folder: `train-images-idx3-ubyte` to train on, `t10k-images-idx3-ubyte` to check with.

    Classes are the labels' numbers as texts. Without files of labels the images have no classes.

    Raises:
        TrainingError: as `read_idx`, or images and labels are not as many.
    """
    images, labels = _files(folder, IMAGES), _files(folder, LABELS)
    examples: list[Example] = []
    for name, file in images.items():
        if bool(labels) != (name in labels):
            raise TrainingError(f"{file}: the labels of its images are missing")
        examples += _examples(file, labels.get(name), _split(name))
    found = sorted({example.label for example in examples if example.label is not None}, key=int)
    return ExampleSet(folder, examples, tuple(found))


def read_idx(file: Path) -> NDArray[np.uint8]:
    """The values of a file, in its dimensions, at most three.

    Raises:
        TrainingError: the file is no IDX file of bytes, or is longer or shorter than it says.
    """
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            if not packed:
                return _values(raw, file)
            with gzip.open(raw) as unpacked:
                return _values(cast("IO[bytes]", unpacked), file)
    except (OSError, EOFError, zlib.error) as error:
        raise TrainingError(f"{file}: {error}") from None


def _values(stream: IO[bytes], file: Path) -> NDArray[np.uint8]:
    head = stream.read(4)
    if len(head) < 4 or head[:3] != bytes((0, 0, BYTES)) or not 1 <= head[3] <= MOST_DIMENSIONS:
        raise TrainingError(f"{file}: no IDX file of bytes: it begins with {head.hex(' ') or 'nothing'}")
    sizes = stream.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise TrainingError(f"{file}: ends within its head")
    shape = struct.unpack(f">{head[3]}I", sizes)
    count = math.prod(shape)
    content = _read(stream, count + 1)
    if len(content) != count:
        found = f"{len(content)} are there" if len(content) < count else "more follow"
        raise TrainingError(f"{file}: {' x '.join(map(str, shape))} values are said to follow, but {found}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read(stream: IO[bytes], most: int) -> bytes:
    """So many bytes or all; memory is taken only for what is there, whatever the head says."""
    parts: list[bytes] = []
    while most > 0 and (part := stream.read(min(most, PART))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _files(folder: Path, pattern: re.Pattern[str]) -> dict[str, Path]:
    """Files by the name of their set; unpacked ones go before packed ones."""
    found = sorted(folder.iterdir(), key=lambda file: (file.suffix == ".gz", file.name), reverse=True)
    matches = ((pattern.fullmatch(file.name), file) for file in found)
    return dict(sorted((match["set"].lower(), file) for match, file in matches if match))


def _split(name: str) -> Split | None:
    if "train" in name:
        return "train"
    return "validation" if "t10k" in name or "test" in name else None


def _examples(images: Path, labels: Path | None, split: Split | None) -> Iterator[Example]:
    pixels = read_idx(images)
    if pixels.ndim != 3:
        raise TrainingError(f"{images}: {pixels.ndim} dimensions, where images have 3")
    names = [None] * len(pixels) if labels is None else [str(label) for label in read_idx(labels).reshape(-1)]
    if len(names) != len(pixels):
        raise TrainingError(f"{labels}: {len(names)} labels for the {len(pixels)} images of {images.name}")
    for number, (image, name) in enumerate(zip(pixels, names, strict=True)):
        yield Example(f"{images.name}, image {number}", name, split, partial(_given, image))


def _given(pixels: NDArray[np.uint8], findings: Findings) -> NDArray[np.uint8]:
    return pixels
