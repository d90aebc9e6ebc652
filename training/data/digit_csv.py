"""Kaggle's digit-recognizer tables: a line for each image, its label and 28 x 28 greys, 0 being paper.

`train.csv` has 785 columns, `label` first, with a header or without; `test.csv` has the 784 pixels alone.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.examples import Example, ExampleSet
from training.data.faults import Findings
from training.errors import TrainingError

SIDE = 28
PIXELS = SIDE * SIDE
DIGITS = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True, slots=True)
class DigitTable:
    """What a table holds.

    Attributes:
        pixels: uint8 (n, 28, 28).
        labels: uint8 (n,), 0..9; None for a table of pixels alone.
        lines: (n,) the lines of the file, counted from 1.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None
    lines: list[int]


def csv_examples(file: Path, *, labelled: bool) -> ExampleSet:
    """The images of a table.

    Args:
        file: a table of either kind; one without labels gives images without classes.
        labelled: refuse a table without labels.

    Raises:
        TrainingError: as `read_digit_csv`, or labels are missing.
    """
    table = read_digit_csv(file)
    if labelled and table.labels is None:
        raise TrainingError(
            f"{file}: {PIXELS} columns are pixels without labels, as in Kaggle's test.csv; "
            "name train.csv, whose first column is the label"
        )
    labels = [None] * len(table.pixels) if table.labels is None else [DIGITS[label] for label in table.labels]
    examples = [
        Example(f"{file.name}, line {line}", label, None, partial(_given, pixels))
        for pixels, label, line in zip(table.pixels, labels, table.lines, strict=True)
    ]
    return ExampleSet(file, examples, DIGITS if table.labels is not None else ())


def read_digit_csv(file: Path) -> DigitTable:
    """A table of either kind, told by its columns.

    Raises:
        TrainingError: the file is no UTF-8 text or has no image, or a line has other columns, a label beyond 0..9 or
            a value beyond 0..255; the sentence has the file, the line and the value.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{file}: cannot be read as a table in UTF-8: {error}") from None
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if lines and _is_header(lines[0][1]):
        lines = lines[1:]
    if not lines:
        raise TrainingError(f"{file}: there is no image in it")
    columns = lines[0][1].count(",") + 1
    if columns not in (PIXELS, PIXELS + 1):
        raise TrainingError(f"{file}, line {lines[0][0]}: {_columns(columns)}")
    values = _values(file, lines, columns)
    labels = values[:, 0] if columns > PIXELS else None
    return DigitTable(values[:, -PIXELS:].reshape(-1, SIDE, SIDE), labels, [number for number, _ in lines])


def _is_header(line: str) -> bool:
    """Names where numbers belong: none of the fields is a number."""
    return not any(_number(field) is not None for field in line.split(","))


def _values(file: Path, lines: list[tuple[int, str]], columns: int) -> NDArray[np.uint8]:
    """uint8 (n, columns); where numpy stumbles, the line is looked for."""
    try:
        values = np.loadtxt([line for _, line in lines], np.int16, comments=None, delimiter=",", ndmin=2)
    except ValueError:
        values = np.empty((0, 0), np.int16)
    most = np.full(columns, 255)
    most[0] = 9 if columns > PIXELS else 255
    if values.shape != (len(lines), columns) or bool(((values < 0) | (values > most)).any()):
        for number, line in lines:
            _check(f"{file}, line {number}", line, most)
        raise TrainingError(f"{file}: cannot be read as a table of whole numbers")
    return values.astype(np.uint8)


def _check(place: str, line: str, most: NDArray[np.int64]) -> None:
    """Raise the sentence on a line's first fault."""
    fields = line.split(",")
    if len(fields) != len(most):
        raise TrainingError(f"{place}: {_columns(len(fields))}")
    for column, (field, limit) in enumerate(zip(fields, most.tolist(), strict=True), start=1):
        number = _number(field)
        if number is None or not 0 <= number <= limit:
            what = "label" if limit == 9 else "pixel"
            raise TrainingError(
                f"{place}, column {column}: the {what} '{field.strip()[:40]}' is no whole number from 0 to {limit}"
            )


def _columns(count: int) -> str:
    return f"{count} columns, where a label and {SIDE} x {SIDE} pixels are {PIXELS + 1}, and pixels alone {PIXELS}"


def _number(field: str) -> int | None:
    try:
        return int(field)
    except ValueError:
        return None


def _given(pixels: NDArray[np.uint8], findings: Findings) -> NDArray[np.uint8]:
    return pixels
