"""How a set is made up and what is wrong with it: tables for people, CSV for tools."""

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.faults import AnnotatedSet, Fault
from training.errors import TrainingError

BAR = 10
FAULTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """One class of a set.

    Attributes:
        label: the class.
        boxes: all of them, `difficult` ones included.
        share: of all boxes, 0..1.
        images: that have at least one such box.
        difficult: boxes marked so.
        smallest, middle, largest: least, median and greatest side of its boxes in pixels, a side being the root of the
            area; 0 without boxes.
    """

    label: str
    boxes: int
    share: float
    images: int
    difficult: int
    smallest: float
    middle: float
    largest: float


def print_set(found: AnnotatedSet, folder: Path) -> None:
    """Show what a set holds: images and sizes, class balance, classes without a box, faults."""
    console = Console(highlight=False)
    console.print(_summary(found, folder), markup=False, soft_wrap=True)
    if found.classes:
        console.print(balance_table(class_balance(found.images, found.classes)))
    for label in found.empty_classes():
        console.print(f"no box shows the class '{label}'", markup=False, soft_wrap=True)
    if found.faults:
        console.print(fault_table(found.faults, folder))


def _summary(found: AnnotatedSet, folder: Path) -> str:
    boxes = sum(len(image.boxes) for image in found.images)
    empty = sum(not image.boxes for image in found.images)
    places = Counter(found.splits.values())
    splits = "".join(f", {count} for {name}" for name, count in sorted(places.items()))
    sizes = Counter((image.width, image.height) for image in found.images).most_common(3)
    shown = ", ".join(f"{count} of {width}x{height}" for (width, height), count in sizes)
    images = f"{len(found.images)} images ({empty} without a box){splits}"
    first = f"{folder}: {images}; {boxes} boxes; {len(found.faults)} faults"
    return f"{first}\nmost frequent sizes: {shown}" if shown else first


def class_balance(images: Sequence[AnnotatedImage], classes: Sequence[str]) -> list[ClassBalance]:
    """One row for each class, in their order, those without boxes included."""
    total = sum(len(image.boxes) for image in images)
    return [_row(label, images, total) for label in classes]


def balance_table(rows: Sequence[ClassBalance]) -> Table:
    """The rows for the terminal, with a bar as long as the class's share; sides are least/median/greatest."""
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("class", overflow="fold", min_width=min(24, max((len(row.label) for row in rows), default=0)))
    for heading in ("boxes", "share", "", "images", "difficult", "sides, px"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for row in rows:
        sides = f"{row.smallest:.0f}/{row.middle:.0f}/{row.largest:.0f}" if row.boxes else "-"
        bar = "█" * max(round(row.share * BAR), row.boxes > 0)
        counts = (str(row.boxes), f"{row.share:.1%}", bar, str(row.images), str(row.difficult), sides)
        table.add_row(escape(row.label), *counts)
    return table


def fault_table(faults: Sequence[Fault], folder: Path) -> Table:
    """The first faults for the terminal, files relative to `folder`; how many there are of each kind stands above."""
    kinds = Counter(fault.kind.value for fault in faults)
    title = "\n".join(["faults by kind:", *(f"{count:6d}  {kind}" for kind, count in kinds.most_common())])
    rest = len(faults) - FAULTS_SHOWN
    table = Table(
        box=SIMPLE, pad_edge=False, title=title, title_justify="left", caption=f"and {rest} more" if rest > 0 else None
    )
    for heading in ("file", "fault", "value"):
        table.add_column(heading, overflow="fold")
    for fault in faults[:FAULTS_SHOWN]:
        file = fault.file.relative_to(folder) if fault.file.is_relative_to(folder) else fault.file
        table.add_row(*map(escape, (str(file), fault.kind.value, fault.value)))
    return table


def write_report(folder: Path, found: AnnotatedSet) -> None:
    """Write `balance.csv`, its columns named after `ClassBalance`'s attributes, and `faults.csv`: kind, file, value.

    Raises:
        TrainingError: the files cannot be written.
    """
    balance = [asdict(row) for row in class_balance(found.images, found.classes)]
    write_tables(folder, [field.name for field in fields(ClassBalance)], balance, found.faults)


def write_tables(
    folder: Path, columns: Sequence[str], balance: Sequence[Mapping[str, object]], faults: Sequence[Fault]
) -> None:
    """Write `balance.csv` with these columns and rows, and `faults.csv`: kind, file, value.

    Raises:
        TrainingError: the files cannot be written.
    """
    named = [{"kind": fault.kind.value, "file": str(fault.file), "value": fault.value} for fault in faults]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_csv(folder / "balance.csv", columns, balance)
        _write_csv(folder / "faults.csv", ["kind", "file", "value"], named)
    except OSError as error:
        raise TrainingError(f"{folder}: {error.strerror}") from None


def _write_csv(file: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


def _row(label: str, images: Sequence[AnnotatedImage], total: int) -> ClassBalance:
    boxes = [box for image in images for box in image.boxes if box.label == label]
    sides = sorted(map(_side, boxes)) or [0.0]
    return ClassBalance(
        label=label,
        boxes=len(boxes),
        share=len(boxes) / total if total else 0.0,
        images=sum(any(box.label == label for box in image.boxes) for image in images),
        difficult=sum(box.difficult for box in boxes),
        smallest=sides[0],
        middle=median(sides),
        largest=sides[-1],
    )


def _side(box: LabelledBox) -> float:
    x_min, y_min, x_max, y_max = box.edges
    return math.sqrt((x_max - x_min) * (y_max - y_min))
