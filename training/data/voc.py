"""Pascal VOC XML, as Kaggle's face-mask and hard-hat sets have it.

A folder holds `images/` and `annotations/`, or `JPEGImages/` and `Annotations/`, or both kinds of files side by side;
`ImageSets/Main/{train,val,test}.txt`, where there are any, say which image belongs to which split.

Coordinates: sets made by today's tools store edges, counted from 0, as they are in `LabelledBox`. True PASCAL VOC
counts pixels from 1 and includes the last one; there `one_based` takes 1 from x_min and y_min, and x_max and y_max,
inclusive from 1, are the exclusive edges from 0. Numbers keep every digit: what is written is read back bit by bit.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.boxes import Checks
from training.data.decimals import decimal, minus, plus, text
from training.data.faults import NO_SPLITS, AnnotatedSet, FaultKind, Findings, Split, labels_of
from training.data.pictures import check_distinct, copy_picture, picture_size, pictures_in, subfolder
from training.errors import TrainingError

LAYOUTS = (("images", "annotations"), ("JPEGImages", "Annotations"))
SPLIT_FILES: Mapping[str, Split] = {"train": "train", "val": "validation", "test": "test"}
SIDES = ("xmin", "ymin", "xmax", "ymax")
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class VocReader:
    """How annotation files are read.

    Attributes:
        findings: where faults go.
        classes: labels that are known; none: every label is.
        one_based: pixels are counted from 1, the last one included.
    """

    findings: Findings
    classes: Sequence[str] = ()
    one_based: bool = False

    def read(self, annotation: Path, find: Callable[[str, str], Path | None]) -> AnnotatedImage | None:
        """One file with its image, or None after noting what is wrong.

        Args:
            annotation: the XML file.
            find: gives the image by the name that the file says and the file's own stem, or None.
        """
        root = self._parse(annotation)
        if root is None:
            return None
        name = (root.findtext("filename") or "").strip()
        image = find(name, annotation.stem)
        if image is None:
            self.findings.add(FaultKind.IMAGE_MISSING, annotation, f"no image '{name or annotation.stem}'")
            return None
        size = picture_size(image, self.findings)
        if size is None or not self._fits(root, annotation, image, size):
            return None
        boxes = tuple(self._boxes(root, annotation))
        return AnnotatedImage(image, *size, Checks(annotation, size, self.classes, self.findings).accept(boxes))

    def _parse(self, annotation: Path) -> Any:
        """The file's root element, or None after noting what is wrong."""
        content = annotation.read_bytes()
        if not content.strip():
            return self.findings.add(FaultKind.EMPTY_FILE, annotation, f"{len(content)} bytes")
        try:
            root = fromstring(content)
        except (Tree.ParseError, DefusedXmlException, ValueError, LookupError) as error:
            return self.findings.add(FaultKind.BROKEN_FILE, annotation, str(error))
        if root.tag != "annotation":
            return self.findings.add(FaultKind.BROKEN_FILE, annotation, f"<{root.tag}> where <annotation> belongs")
        return root

    def _fits(self, root: Any, annotation: Path, image: Path, size: tuple[int, int]) -> bool:
        """Whether the file speaks of an image of this size; sets that know no sizes write none, or 0."""
        said = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
        if all(side in {"", "0"} for side in said) or said == [str(side) for side in size]:
            return True
        if [_number(side) for side in said] == [Decimal(side) for side in size]:
            return True
        value = f"{said[0]}x{said[1]} annotated, {image.name} is {size[0]}x{size[1]}"
        self.findings.add(FaultKind.SIZE_MISMATCH, annotation, value)
        return False

    def _boxes(self, root: Any, annotation: Path) -> Iterator[LabelledBox]:
        for number, element in enumerate(root.iterfind("object"), start=1):
            label = (element.findtext("name") or "").strip()
            said = {side: element.findtext(f"bndbox/{side}") for side in SIDES}
            edges = [value for value in map(_number, said.values()) if value is not None]
            if not label or len(edges) < len(SIDES):
                given = ", ".join(f"{side}={value}" for side, value in said.items())
                self.findings.add(FaultKind.BROKEN_BOX, annotation, f"object {number}: name='{label}', {given}")
                continue
            if self.one_based:
                edges = [minus(edges[0], ONE), minus(edges[1], ONE), *edges[2:]]
            x_min, y_min, x_max, y_max = map(float, edges)
            yield LabelledBox(label, (x_min, y_min, x_max, y_max), (element.findtext("difficult") or "").strip() == "1")


def read_voc(
    folder: Path, *, classes: Sequence[str] = (), one_based: bool = False, strict: bool = False
) -> AnnotatedSet:
    """The set in a folder.

    Args:
        folder: holds images and annotations in one of the layouts above.
        classes: labels that are known, in the order of their numbers; none: every label found, sorted.
        one_based: coordinates are those of true PASCAL VOC.
        strict: the first fault is an error.

    Raises:
        TrainingError: the folder has no such layout; with `strict`, any fault.
    """
    pictures, annotations = _folders(folder)
    reader = VocReader(Findings(strict=strict), classes, one_based)
    images = tuple(_images(reader, pictures_in(pictures), sorted(annotations.glob("*.xml"))))
    return AnnotatedSet(tuple(classes) or labels_of(images), images, reader.findings.faults, _splits(folder, images))


def is_voc(folder: Path) -> bool:
    """Whether a folder has one of the layouts, with at least one annotation."""
    try:
        return any(_folders(folder)[1].glob("*.xml"))
    except TrainingError:
        return False


def write_voc(
    folder: Path,
    images: Sequence[AnnotatedImage],
    *,
    splits: Mapping[Path, Split] = NO_SPLITS,
    one_based: bool = False,
) -> None:
    """Write `images/` (copies), `annotations/` and, where there are splits, `ImageSets/Main/`.

    Raises:
        TrainingError: two images have the same name without ending, or an image cannot be copied.
    """
    check_distinct(images, (image.file.stem for image in images))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    for image in images:
        copy_picture(image.file, folder / "images")
        target = folder / "annotations" / f"{image.file.stem}.xml"
        target.write_bytes(voc_xml(image, one_based=one_based))
    for name, split in SPLIT_FILES.items():
        stems = [image.file.stem for image in images if splits.get(image.file) == split]
        if stems:
            file = folder / "ImageSets" / "Main" / f"{name}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")


def voc_xml(image: AnnotatedImage, *, one_based: bool = False) -> bytes:
    """The annotation file of one image, UTF-8."""
    root = Tree.Element("annotation")
    _add(root, "folder", "images")
    _add(root, "filename", image.file.name)
    size = _add(root, "size")
    for name, pixels in (("width", image.width), ("height", image.height), ("depth", 3)):
        _add(size, name, str(pixels))
    _add(root, "segmented", "0")
    for box in image.boxes:
        _add_box(_add(root, "object"), box, one_based)
    Tree.indent(root)
    return bytes(Tree.tostring(root, encoding="utf-8")) + b"\n"


def _add_box(element: Tree.Element, box: LabelledBox, one_based: bool) -> None:
    for name, value in (("name", box.label), ("pose", "Unspecified"), ("truncated", "0")):
        _add(element, name, value)
    _add(element, "difficult", str(int(box.difficult)))
    x_min, y_min, x_max, y_max = map(decimal, box.edges)
    if one_based:
        x_min, y_min = plus(x_min, ONE), plus(y_min, ONE)
    edges = _add(element, "bndbox")
    for name, edge in zip(SIDES, (x_min, y_min, x_max, y_max), strict=True):
        _add(edges, name, text(edge))


def _add(parent: Tree.Element, name: str, value: str | None = None) -> Tree.Element:
    element = Tree.SubElement(parent, name)
    element.text = value
    return element


def _images(reader: VocReader, pictures: Sequence[Path], annotations: Sequence[Path]) -> Iterator[AnnotatedImage]:
    """Annotations with their images; what lacks the other is noted."""
    by_stem = {picture.stem: picture for picture in reversed(pictures)}
    by_name = {picture.name: picture for picture in pictures}
    stems = {annotation.stem for annotation in annotations}
    taken: dict[Path, Path] = {}

    def find(name: str, stem: str) -> Path | None:
        """What the file names if that has its stem, else any image of its stem, else what it names.

        Names in sets that were moved or renamed are often stale, so the stem, by which VOC lists images, goes first.
        """
        named = by_name.get(name.replace("\\", "/").rpartition("/")[2])
        return named if named and named.stem == stem else by_stem.get(stem, named)

    for annotation in annotations:
        image = reader.read(annotation, find)
        if image is None:
            continue
        if image.file in taken:
            value = f"{image.file.name} has {taken[image.file].name}"
            reader.findings.add(FaultKind.SECOND_ANNOTATION, annotation, value)
            continue
        taken[image.file] = annotation
        yield image
    for picture in pictures:
        if picture not in taken and picture.stem not in stems:
            reader.findings.add(FaultKind.ANNOTATION_MISSING, picture, f"no {picture.stem}.xml")


def _folders(folder: Path) -> tuple[Path, Path]:
    """Where images and annotations are.

    Raises:
        TrainingError: no folder, or none of the layouts in it.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder}: there is no such folder")
    for pictures, annotations in LAYOUTS:
        found = subfolder(folder, pictures), subfolder(folder, annotations)
        if found[0] and found[1]:
            return found[0], found[1]
    if any(folder.glob("*.xml")):
        return folder, folder
    layouts = ", ".join(f"{pictures}/ with {annotations}/" for pictures, annotations in LAYOUTS)
    raise TrainingError(f"{folder}: no Pascal VOC set: it has neither {layouts} nor XML files beside images")


def _splits(folder: Path, images: Sequence[AnnotatedImage]) -> Mapping[Path, Split]:
    """Splits by file, from the lists of `ImageSets/Main`."""
    lists = subfolder(folder, "ImageSets", "Main")
    if lists is None:
        return NO_SPLITS
    by_stem = {image.file.stem: image.file for image in images}
    splits: dict[Path, Split] = {}
    for name, split in SPLIT_FILES.items():
        file = lists / f"{name}.txt"
        for stem in file.read_text(encoding="utf-8").split("\n") if file.is_file() else ():
            if found := by_stem.get(stem.strip()):
                splits.setdefault(found, split)
    return splits


def _number(value: str | None) -> Decimal | None:
    """A finite number, or None."""
    try:
        number = Decimal((value or "").strip())
    except InvalidOperation:
        return None
    return number if math.isfinite(float(number)) else None
