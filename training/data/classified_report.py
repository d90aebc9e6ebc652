"""How a set of images with classes is made up, what is wrong with it, and what it looks like: every image is read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.data.examples import THREADS, Example, ExampleSet, Pixels, scaled
from training.data.faults import Fault, Findings
from training.data.rendered_classes import in_channels
from training.data.report import fault_table, write_tables
from training.data.sheet import save_png, sheet

CELL = 120
"""Longest side of a picture on the contact sheet, in pixels."""

BAR = 20


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class of a set.

    Attributes:
        label: the class; "" for a set without classes.
        images: that can be read, `train`, `validation` and `test` of them in the set's own splits.
        share: of all images, 0..1.
    """

    label: str
    images: int
    share: float
    train: int
    validation: int
    test: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What reading all images of a set found.

    Attributes:
        examples: that can be read.
        sizes: images of each (width, height).
        faults: of the set and of its images.
        shown: some images with their names, small enough for a sheet.
    """

    examples: Sequence[Example]
    sizes: Counter[tuple[int, int]]
    faults: tuple[Fault, ...]
    shown: Sequence[tuple[Pixels, str]]


def inspect_examples(found: ExampleSet, pictures: int, seed: int) -> Inspection:
    """Read every image.

    Args:
        found: the set.
        pictures: to be shown at most, of every class as many, as far as it has them.
        seed: another seed, other pictures.
    """
    findings = Findings()
    chosen = _chosen(found, pictures, seed)

    def read(item: tuple[Example, bool]) -> tuple[tuple[int, int], Pixels | None] | None:
        pixels = item[0].read(findings)
        return None if pixels is None else (pixels.shape[1::-1], _cell(pixels) if item[1] else None)

    with ThreadPoolExecutor(THREADS) as threads:
        results = list(threads.map(read, zip(found.examples, chosen, strict=True)))
    usable = [(example, *result) for example, result in zip(found.examples, results, strict=True) if result]
    shown = [(cell, f"{example.label or ''} {example.name}".strip()) for example, _, cell in usable if cell is not None]
    sizes = Counter(size for _, size, _ in usable)
    return Inspection([example for example, _, _ in usable], sizes, (*found.faults, *findings.by_file()), shown)


def class_counts(found: ExampleSet, inspection: Inspection) -> list[ClassCount]:
    """One row for each class of the set, those without an image too."""
    labels: Sequence[str | None] = found.labels or (None,)
    total = max(1, len(inspection.examples))
    rows = []
    for label in labels:
        splits = Counter(example.split for example in inspection.examples if example.label == label)
        images = splits.total()
        rows.append(
            ClassCount(label or "", images, images / total, splits["train"], splits["validation"], splits["test"])
        )
    return rows


def print_examples(found: ExampleSet, inspection: Inspection) -> None:
    """Show sizes, the balance of the classes and the first faults."""
    console = Console(highlight=False)
    most = ", ".join(f"{count} of {width}x{height}" for (width, height), count in inspection.sizes.most_common(3))
    classes = f"{len(found.labels)} classes" if found.labels else "no classes"
    summary = f"{found.source}: {len(inspection.examples)} images, {classes}; {len(inspection.faults)} faults"
    console.print(summary + (f"\nmost frequent sizes: {most}" if most else ""), markup=False, soft_wrap=True)
    console.print(_table(class_counts(found, inspection)))
    if inspection.faults:
        console.print(fault_table(inspection.faults, found.source))


def write_examples_report(folder: Path, found: ExampleSet, inspection: Inspection, columns: int) -> None:
    """Write balance.csv, its columns named after `ClassCount`'s attributes, faults.csv and contact-sheet.png.

    Raises:
        TrainingError: the files cannot be written.
    """
    rows = [asdict(row) for row in class_counts(found, inspection)]
    write_tables(folder, [field.name for field in fields(ClassCount)], rows, inspection.faults)
    if inspection.shown:
        cells, captions = zip(*inspection.shown, strict=True)
        save_png(folder / "contact-sheet.png", sheet(cells, columns, captions))


def _chosen(found: ExampleSet, pictures: int, seed: int) -> Iterator[bool]:
    """Which examples are shown: of each class one, then a second, until there are enough."""
    labels = np.array([example.label or "" for example in found.examples])
    order = np.random.default_rng(seed).permutation(len(labels))
    seen: Counter[str] = Counter()
    turn = np.empty(len(labels), np.int64)
    for place in order:
        turn[place] = seen[labels[place]]
        seen[labels[place]] += 1
    shown = set(order[np.argsort(turn[order], kind="stable")][:pictures].tolist())
    return (place in shown for place in range(len(labels)))


def _cell(pixels: Pixels) -> Pixels:
    scale = CELL / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return in_channels(scaled(pixels, *size), 3)


def _table(rows: Sequence[ClassCount]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("class", overflow="fold", min_width=min(24, max(len(row.label) for row in rows)))
    for heading in ("images", "share", "", "train", "validation", "test"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for row in rows:
        bar = "█" * max(round(row.share * BAR), row.images > 0)
        counts = (str(row.images), f"{row.share:.1%}", bar, str(row.train), str(row.validation), str(row.test))
        table.add_row(escape(row.label or "(all)"), *counts)
    return table
