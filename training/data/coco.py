"""COCO's JSON: images, categories and annotations with `bbox` = x, y, width, height in pixels, counted from 0.

A folder holds `annotations/*.json` and the images in `images/`, in a folder of the split, or beside the JSON file; a
file with "train", "val" or "test" in its name makes a split. `difficult` is written as `iscrowd` and `ignore` (which
pycocotools does not count), and either is read as it.

The width is a difference, which a float cannot hold exactly (x 0.3 to 1.1: 0.8 or 0.8000000000000001?), but a decimal
can: numbers are written and added as decimals, so edges are read back bit by bit. Other readers round, as always.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.boxes import Checks
from training.data.decimals import decimal, minus, plus, text
from training.data.faults import NO_SPLITS, AnnotatedSet, FaultKind, Findings, Split
from training.data.pictures import check_distinct, check_labels, copy_picture, picture_size, pictures_in, subfolder
from training.errors import TrainingError

SPLIT_WORDS: Mapping[str, Split] = {"train": "train", "val": "validation", "test": "test"}
WRITTEN: Mapping[Split | None, str] = {
    None: "instances.json",
    "train": "instances_train.json",
    "validation": "instances_val.json",
    "test": "instances_test.json",
}
KEYS: Mapping[str, tuple[str, ...]] = {
    "images": ("id", "file_name"),
    "annotations": ("image_id", "bbox"),
    "categories": ("id", "name"),
}


@dataclass(frozen=True, slots=True)
class CocoReader:
    """How JSON files are read: the set's folder, labels that are known (none: all), and where faults go.

    `listed` collects the image files that any JSON file names, whatever is wrong with them.
    """

    folder: Path
    classes: Sequence[str]
    findings: Findings
    listed: set[Path] = field(default_factory=set)

    def read(self, file: Path) -> tuple[tuple[str, ...], list[AnnotatedImage]]:
        """The categories of one file in the order of their ids, and its images; what is wrong is noted."""
        content = self._parse(file)
        if content is None:
            return (), []
        names = {entry["id"]: str(entry.get("name")) for entry in content["categories"]}
        boxes = self._boxes(file, content["annotations"], names)
        roots = self._roots(file)
        images: dict[Path, AnnotatedImage] = {}
        for entry in content["images"]:
            image, size = self._picture(file, entry, roots)
            if image is None or size is None:
                continue
            if image in images:
                self.findings.add(FaultKind.SECOND_ANNOTATION, file, f"'{entry['file_name']}' is listed twice")
                continue
            checks = Checks(file, size, self.classes, self.findings, image=image.name)
            images[image] = AnnotatedImage(image, *size, checks.accept(boxes.pop(entry["id"], [])))
        for key in boxes:
            self.findings.add(FaultKind.IMAGE_MISSING, file, f"{len(boxes[key])} boxes with image_id = {key}")
        return tuple(names[key] for key in sorted(names)), list(images.values())

    def _parse(self, file: Path) -> dict[str, list[dict[str, Any]]] | None:
        """The three lists of a file, or None after noting what is wrong."""
        written = file.read_bytes()
        if not written.strip():
            self.findings.add(FaultKind.EMPTY_FILE, file, f"{len(written)} bytes")
            return None
        try:
            content = json.loads(written, parse_float=Decimal, parse_constant=lambda _: None)
        except (ValueError, RecursionError) as error:
            self.findings.add(FaultKind.BROKEN_FILE, file, str(error))
            return None
        for name, keys in KEYS.items():
            entries = content.get(name) if isinstance(content, dict) else None
            if not isinstance(entries, list) or not all(_has(entry, keys) for entry in entries):
                what = " and ".join(f"'{key}'" for key in keys)
                self.findings.add(FaultKind.BROKEN_FILE, file, f"no list '{name}' of objects with {what}")
                return None
        return {name: content[name] for name in KEYS}

    def _boxes(
        self, file: Path, entries: list[dict[str, Any]], names: Mapping[int, str]
    ) -> dict[int, list[LabelledBox]]:
        """Boxes by the id of their image."""
        boxes: defaultdict[int, list[LabelledBox]] = defaultdict(list)
        for entry in entries:
            where = f"annotation {entry.get('id')} of image_id {entry['image_id']}"
            numbers = [_number(value) for value in entry["bbox"]] if isinstance(entry["bbox"], list) else []
            values = [value for value in numbers if value is not None]
            if len(numbers) != 4 or len(values) != 4:
                self.findings.add(FaultKind.BROKEN_BOX, file, f"{where}: bbox = {entry['bbox']}")
            elif not _is_whole(entry.get("category_id")) or entry["category_id"] not in names:
                self.findings.add(FaultKind.UNKNOWN_CLASS, file, f"{where}: category_id = {entry.get('category_id')}")
            else:
                x, y, width, height = values
                edges = (float(x), float(y), float(plus(x, width)), float(plus(y, height)))
                difficult = bool(entry.get("iscrowd") or entry.get("ignore"))
                boxes[entry["image_id"]].append(LabelledBox(names[entry["category_id"]], edges, difficult))
        return boxes

    def _picture(
        self, file: Path, entry: dict[str, Any], roots: Sequence[Path]
    ) -> tuple[Path | None, tuple[int, int] | None]:
        """An entry's image and its size, None where something is wrong with it, which is noted."""
        path = PurePosixPath(str(entry["file_name"]).replace("\\", "/"))
        inside = PurePosixPath(path.name) if path.is_absolute() or ".." in path.parts else path
        image = next((root / inside for root in roots if path.name and (root / inside).is_file()), None)
        if image is None:
            self.findings.add(FaultKind.IMAGE_MISSING, file, f"no image '{path}'")
            return None, None
        self.listed.add(image)
        size = picture_size(image, self.findings)
        said = entry.get("width"), entry.get("height")
        if size and all(said) and said != size:
            value = f"{said[0]}x{said[1]} annotated, {image.name} is {size[0]}x{size[1]}"
            self.findings.add(FaultKind.SIZE_MISMATCH, file, value)
            return image, None
        return image, size

    def _roots(self, file: Path) -> list[Path]:
        """Where images may lie, those first that bear the name of the file's split."""
        images = subfolder(self.folder, "images")
        roots = [*([images, *_folders(images)] if images else []), file.parent, self.folder, *_folders(self.folder)]
        word = _split_word(self.folder, file)
        return sorted(roots, key=lambda root: word is None or word not in root.name.lower())


def read_coco(folder: Path, *, classes: Sequence[str] = (), strict: bool = False) -> AnnotatedSet:
    """The set in a folder.

    Args:
        folder: in one of the layouts above.
        classes: labels that are known, in the order of their numbers; none: all categories, in the order of their ids.
        strict: the first fault is an error.

    Raises:
        TrainingError: no such folder or no JSON file; with `strict`, any fault.
    """
    files = _files(folder)
    if not files:
        raise TrainingError(f"{folder}: no COCO set: it has no JSON file, neither in annotations/ nor beside images")
    reader = CocoReader(folder, classes, Findings(strict=strict))
    images: dict[Path, AnnotatedImage] = {}
    labels: dict[str, None] = {}
    splits: dict[Path, Split] = {}
    for file in files:
        names, read = reader.read(file)
        labels |= dict.fromkeys(names)
        word = _split_word(folder, file)
        for image in read:
            if image.file in images:
                reader.findings.add(FaultKind.SECOND_ANNOTATION, file, f"{image.file.name} is in another file too")
                continue
            images[image.file] = image
            if word:
                splits[image.file] = SPLIT_WORDS[word]
    for picture in sorted(_pictures(folder) - reader.listed):
        reader.findings.add(FaultKind.ANNOTATION_MISSING, picture, "no JSON file lists it")
    ordered = tuple(images[file] for file in sorted(images))
    return AnnotatedSet(tuple(classes) or tuple(labels), ordered, reader.findings.faults, splits)


def is_coco(folder: Path) -> bool:
    """Whether a folder has one of the layouts."""
    return bool(_files(folder))


def write_coco(
    folder: Path,
    images: Sequence[AnnotatedImage],
    classes: Sequence[str],
    *,
    splits: Mapping[Path, Split] = NO_SPLITS,
) -> None:
    """Write `images/` (copies) and `annotations/instances*.json`, one for each split; categories count from 1.

    Raises:
        TrainingError: a box has none of `classes`, two images have the same name, an image cannot be copied.
    """
    check_labels(images, classes)
    check_distinct(images, (image.file.name for image in images))
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    for image in images:
        copy_picture(image.file, folder / "images")
    for split, name in WRITTEN.items():
        of_split = [image for image in images if splits.get(image.file) == split]
        if of_split:
            (folder / "annotations" / name).write_text(_json(of_split, classes), encoding="utf-8")


def _json(images: Sequence[AnnotatedImage], classes: Sequence[str]) -> str:
    """The file's text, an entry on a line; written by hand because `json` knows no decimals."""
    entries = [
        json.dumps({"id": number, "file_name": image.file.name, "width": image.width, "height": image.height})
        for number, image in enumerate(images, 1)
    ]
    numbered = ((number, box) for number, image in enumerate(images, 1) for box in image.boxes)
    annotations = [_annotation(key, number, box, classes) for key, (number, box) in enumerate(numbered, 1)]
    categories = [json.dumps({"id": number, "name": label}) for number, label in enumerate(classes, 1)]
    lists = {"images": entries, "annotations": annotations, "categories": categories}
    return "{" + ",\n".join(f'"{name}": [\n{_joined(lines)}]' for name, lines in lists.items()) + "}\n"


def _joined(lines: Sequence[str]) -> str:
    return ",\n".join(lines)


def _annotation(key: int, image: int, box: LabelledBox, classes: Sequence[str]) -> str:
    x_min, y_min, x_max, y_max = map(decimal, box.edges)
    bbox = [text(value) for value in (x_min, y_min, minus(x_max, x_min), minus(y_max, y_min))]
    area = text(decimal(float(bbox[2]) * float(bbox[3])))
    mark = int(box.difficult)
    return (
        f'{{"id": {key}, "image_id": {image}, "category_id": {classes.index(box.label) + 1}, '
        f'"bbox": [{", ".join(bbox)}], "area": {area}, "iscrowd": {mark}, "ignore": {mark}}}'
    )


def _files(folder: Path) -> list[Path]:
    """The JSON files of a set: in `annotations/`, else in the folder, else in the folders of its splits."""
    if not folder.is_dir():
        raise TrainingError(f"{folder}: there is no such folder")
    annotations = subfolder(folder, "annotations")
    places = [[annotations] if annotations else [], [folder], _folders(folder)]
    found = (sorted(file for inner in place for file in inner.glob("*.json")) for place in places)
    return next((files for files in found if files), [])


def _split_word(folder: Path, file: Path) -> str | None:
    """The word of `SPLIT_WORDS` in a file's name, or in that of its folder within the set."""
    found = re.search(r"(?<![a-z])(train|val|test)(?:id)?(?![a-z])", str(file.relative_to(folder)).lower())
    return found[1] if found else None


def _folders(folder: Path) -> list[Path]:
    return sorted(inner for inner in folder.iterdir() if inner.is_dir())


def _pictures(folder: Path) -> set[Path]:
    """All image files of a set: those of its folders, and of the folders of splits in `images/`."""
    inner = _folders(folder)
    return {
        picture
        for place in (folder, *inner, *(deep for one in inner for deep in _folders(one)))
        for picture in pictures_in(place)
    }


def _has(entry: object, keys: Sequence[str]) -> bool:
    """Whether an entry has these keys, its ids being whole numbers."""
    return isinstance(entry, dict) and all(
        key in entry and (not key.endswith("id") or _is_whole(entry[key])) for key in keys
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> Decimal | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return None
    number = Decimal(value)
    return number if math.isfinite(float(number)) else None
