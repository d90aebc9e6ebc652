"""YOLO's text files: one line for each box, `class x_centre y_centre width height`, as shares of the image's sides.

A folder holds `data.yaml` (names in the order of their numbers), `images/{train,val,test}/` and
`labels/{train,val,test}/`; sets without splits, and those with `{train,valid,test}/{images,labels}/`, are read too.

Reading a written set moves an edge by less than 1e-6 of the image's side: shares are written with all their digits, so
only the last bits of divisions and sums are lost (about 1e-16), but other tools write six decimals, and a centre and
half a side, rounded by 0.5e-6 and 0.25e-6, put an edge up to 0.75e-6 away. Boxes that leave the image by no more than
that do so because of the rounding and are no faults. YOLO has no mark for difficult objects: they are not written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.boxes import Checks
from training.data.faults import NO_SPLITS, AnnotatedSet, FaultKind, Findings, Split
from training.data.pictures import check_distinct, check_labels, copy_picture, picture_size, pictures_in, subfolder
from training.errors import TrainingError

NAMES = "classes.txt"
ROUNDING = 1e-6
"""Share of a side by which the format may move an edge."""

FOLDERS: Mapping[str, Split] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
WRITTEN: Mapping[Split, str] = {"train": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True, slots=True)
class YoloReader:
    """How label files are read: labels by number, those that are known (none: all), and where faults go."""

    names: Mapping[int, str]
    classes: Sequence[str]
    findings: Findings

    def read(self, image: Path, labels: Path) -> AnnotatedImage | None:
        """One image with its label file, or None after noting what is wrong."""
        size = picture_size(image, self.findings)
        if size is None:
            return None
        try:
            lines = labels.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            self.findings.add(FaultKind.BROKEN_FILE, labels, "no UTF-8 text")
            return None
        boxes = [self._box(line, size, f"line {number}: {line!r}", labels) for number, line in enumerate(lines, 1)]
        checks = Checks(labels, size, self.classes, self.findings, rounding=ROUNDING)
        return AnnotatedImage(image, *size, checks.accept([box for box in boxes if box]))

    def _box(self, line: str, size: tuple[int, int], where: str, labels: Path) -> LabelledBox | None:
        if not line.strip():
            return None
        try:
            first, *rest = line.split()
            number, (x, y, width, height) = int(first), map(float, rest)
        except ValueError:
            self.findings.add(FaultKind.BROKEN_BOX, labels, f"{where} is not 'class x y width height'")
            return None
        if number not in self.names:
            self.findings.add(FaultKind.UNKNOWN_CLASS, labels, f"{where}; there are {len(self.names)} names")
            return None
        edges = (
            (x - width / 2) * size[0],
            (y - height / 2) * size[1],
            (x + width / 2) * size[0],
            (y + height / 2) * size[1],
        )
        return LabelledBox(self.names[number], edges)


def read_yolo(folder: Path, *, classes: Sequence[str] = (), strict: bool = False) -> AnnotatedSet:
    """The set in a folder.

    Args:
        folder: in one of the layouts above.
        classes: labels that are known, in their order; where the folder has no list of names, its numbers mean these.
        strict: the first fault is an error.

    Raises:
        TrainingError: no such layout, no names, or a broken list of names; with `strict`, any fault.
    """
    places = _places(folder)
    if not places:
        raise TrainingError(f"{folder}: no YOLO set: it has no images/ with labels/ beside it")
    names = _names(folder) or dict(enumerate(classes))
    if not names:
        raise TrainingError(f"{folder}: neither data.yaml nor classes.txt says what the class numbers mean")
    reader = YoloReader(names, classes, Findings(strict=strict))
    images: list[AnnotatedImage] = []
    splits: dict[Path, Split] = {}
    for pictures, labels, split in places:
        read = list(_images(reader, pictures, labels))
        images += read
        splits |= {image.file: split for image in read} if split else {}
    images.sort(key=lambda image: image.file)
    known = tuple(classes) or tuple(names[number] for number in sorted(names))
    return AnnotatedSet(known, tuple(images), reader.findings.faults, splits)


def is_yolo(folder: Path) -> bool:
    """Whether a folder has one of the layouts."""
    return bool(_places(folder))


def write_yolo(
    folder: Path,
    images: Sequence[AnnotatedImage],
    classes: Sequence[str],
    *,
    splits: Mapping[Path, Split] = NO_SPLITS,
) -> Path:
    """Write `data.yaml`, images (copies) and labels; an image without a split goes into `train`.

    Returns:
        The file `data.yaml`; it names only the splits that have images.

    Raises:
        TrainingError: a box has none of `classes`, two images have the same name without ending, an image cannot be
            copied.
    """
    check_labels(images, classes)
    places = [WRITTEN[splits.get(image.file, "train")] for image in images]
    check_distinct(images, (f"{place}/{image.file.stem}" for place, image in zip(places, images, strict=True)))
    for place, image in zip(places, images, strict=True):
        copy_picture(image.file, folder / "images" / place)
        labels = folder / "labels" / place / f"{image.file.stem}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(_lines(image, classes)), encoding="utf-8")
    content = {name: f"images/{name}" for name in WRITTEN.values() if name in places}
    file = folder / "data.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    names = dict(enumerate(classes))
    file.write_text(yaml.safe_dump({**content, "names": names}, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file


def _lines(image: AnnotatedImage, classes: Sequence[str]) -> Iterator[str]:
    for box in image.boxes:
        if not box.difficult:
            x_min, y_min, x_max, y_max = box.edges
            x, y = (x_min + x_max) / 2 / image.width, (y_min + y_max) / 2 / image.height
            width, height = (x_max - x_min) / image.width, (y_max - y_min) / image.height
            yield f"{classes.index(box.label)} {x!r} {y!r} {width!r} {height!r}\n"


def _images(reader: YoloReader, pictures: Path, labels: Path) -> Iterator[AnnotatedImage]:
    """Images with their label files; what lacks the other is noted."""
    found = pictures_in(pictures)
    stems = {picture.stem for picture in found}
    for file in sorted(labels.glob("*.txt")):
        if file.stem not in stems and file.name != NAMES:
            reader.findings.add(FaultKind.IMAGE_MISSING, file, f"no image '{file.stem}' in {pictures}")
    for picture in found:
        file = labels / f"{picture.stem}.txt"
        if not file.is_file():
            reader.findings.add(FaultKind.ANNOTATION_MISSING, picture, f"no {file}; for an empty scene it is empty")
        elif image := reader.read(picture, file):
            yield image


def _places(folder: Path) -> list[tuple[Path, Path, Split | None]]:
    """Folders of images, of their labels, and the split that they are."""
    if not folder.is_dir():
        raise TrainingError(f"{folder}: there is no such folder")
    names = [(("images", name), ("labels", name), split) for name, split in FOLDERS.items()]
    names += [((name, "images"), (name, "labels"), split) for name, split in FOLDERS.items()]
    found = [(subfolder(folder, *images), subfolder(folder, *labels), split) for images, labels, split in names]
    places: list[tuple[Path, Path, Split | None]] = [(a, b, split) for a, b, split in found if a and b]
    images, labels = subfolder(folder, "images"), subfolder(folder, "labels")
    if images and labels and (pictures_in(images) or not places):
        places.append((images, labels, None))
    return places


def _names(folder: Path) -> dict[int, str]:
    """Labels by number, from the first list of names that there is."""
    for name in ("data.yaml", "data.yml"):
        if (folder / name).is_file():
            return _yaml_names(folder / name)
    for file in (folder / NAMES, folder / "labels" / NAMES):
        if file.is_file():
            return dict(enumerate(file.read_text(encoding="utf-8").splitlines()))
    return {}


def _yaml_names(file: Path) -> dict[int, str]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{file}: {' '.join(str(error).split())}") from None
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or not all(isinstance(number, int) for number in names):
        raise TrainingError(f"{file}: names = {names!r}: must be a list of labels, or labels by number from 0")
    return {number: str(label) for number, label in names.items()}
