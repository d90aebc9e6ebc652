"""Faulty annotations are named with file and value; nothing is skipped silently."""

from pathlib import Path

import pytest

from tests.training.data.annotated import CLASSES, box, image
from training.data.annotations import AnnotatedImage
from training.data.faults import AnnotatedSet, FaultKind
from training.data.voc import read_voc, voc_xml, write_voc
from training.errors import TrainingError


@pytest.fixture
def good(tmp_path: Path) -> AnnotatedImage:
    """One good image of a set to which a test adds a faulty one."""
    made = image(tmp_path / "images" / "good.png", box())
    write_voc(tmp_path, [made])
    return made


def faulty(folder: Path, old: bytes = b"", new: bytes = b"", *, content: bytes | None = None) -> AnnotatedSet:
    """The set with a second image, `bad`, whose annotation is changed."""
    made = image(folder / "images" / "bad.png", box("with_mask", 1, 1, 9, 9), box("with_mask", 2, 2, 8, 8))
    xml = voc_xml(made)
    assert old in xml
    (folder / "annotations" / "bad.xml").write_bytes(xml.replace(old, new, 1) if content is None else content)
    return read_voc(folder, classes=CLASSES)


@pytest.mark.parametrize(
    ("content", "kind", "value"),
    [
        (b"", FaultKind.EMPTY_FILE, "0 bytes"),
        (b" \n", FaultKind.EMPTY_FILE, "2 bytes"),
        (b"<annotation><object>", FaultKind.BROKEN_FILE, "no element found: line 1, column 20"),
        (b"<html/>", FaultKind.BROKEN_FILE, "<html> where <annotation> belongs"),
        (b"\xff\xfe\x00", FaultKind.BROKEN_FILE, ""),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', FaultKind.BROKEN_FILE, "klingon"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]><annotation>&e;</annotation>', FaultKind.BROKEN_FILE, "Entit"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, good: AnnotatedImage, content: bytes, kind: FaultKind, value: str
) -> None:
    read = faulty(tmp_path, content=content)
    (fault,) = read.faults
    assert (fault.kind, fault.file) == (kind, tmp_path / "annotations" / "bad.xml")
    assert value in fault.value
    assert read.images == (good,)


@pytest.mark.parametrize(
    ("old", "new", "kind", "value"),
    [
        (b"<xmin>1<", b"<xmin><", FaultKind.BROKEN_BOX, "object 1: name='with_mask', xmin=, ymin=1"),
        (b"<xmin>1<", b"<xmin>nan<", FaultKind.BROKEN_BOX, "xmin=nan"),
        (b"<xmin>1<", b"<xmin>1e999999999<", FaultKind.BROKEN_BOX, "xmin=1e999999999"),
        (b"<xmin>1</xmin>", b"", FaultKind.BROKEN_BOX, "xmin=None"),
        (b"<name>with_mask<", b"<name><", FaultKind.BROKEN_BOX, "name=''"),
        (b"<name>with_mask<", b"<name>dog<", FaultKind.UNKNOWN_CLASS, "'dog' (1, 1, 9, 9) in an image of 40x30"),
        (b"<xmax>9<", b"<xmax>1<", FaultKind.ZERO_AREA, "'with_mask' (1, 1, 1, 9)"),
        (b"<xmin>1<", b"<xmin>12<", FaultKind.ZERO_AREA, "(12, 1, 9, 9)"),
        (b"<ymin>1</ymin>", b"<ymin>30</ymin>", FaultKind.ZERO_AREA, "(1, 30, 9, 9)"),
    ],
)
def test_a_box_that_cannot_count_is_named_and_the_others_stay(
    tmp_path: Path, good: AnnotatedImage, old: bytes, new: bytes, kind: FaultKind, value: str
) -> None:
    read = faulty(tmp_path, old, new)
    assert good in read.images
    assert read.images[0].boxes == (box("with_mask", 2, 2, 8, 8),)
    (fault,) = read.faults
    assert fault.kind == kind
    assert value in fault.value


def test_a_box_over_the_edge_is_clamped_and_said_so(tmp_path: Path, good: AnnotatedImage) -> None:
    read = faulty(tmp_path, b"<xmax>9<", b"<xmax>41.5<")
    assert good in read.images
    assert read.images[0].boxes[0] == box("with_mask", 1, 1, 40, 9)
    assert [(fault.kind, fault.value) for fault in read.faults] == [
        (FaultKind.CLAMPED, "'with_mask' (1, 1, 41.5, 9) in an image of 40x30")
    ]


@pytest.mark.parametrize("edges", [(-9, 1, 0, 9), (1, -9, 9, -1), (40, 1, 50, 9), (1, 31, 9, 39)])
def test_a_box_of_which_nothing_is_inside_is_skipped(tmp_path: Path, edges: tuple[float, ...]) -> None:
    write_voc(tmp_path, [image(tmp_path / "a.png", box(), box("with_mask", *edges))])
    read = read_voc(tmp_path)
    assert read.images[0].boxes == (box(),)
    assert [fault.kind for fault in read.faults] == [FaultKind.OUTSIDE]


def test_a_second_box_of_the_same_place_and_class_is_skipped(tmp_path: Path, good: AnnotatedImage) -> None:
    write_voc(tmp_path, [good, image(tmp_path / "images" / "bad.png", box(), box(), box("without_mask"))])
    read = read_voc(tmp_path)
    assert read.images[0].boxes == (box(), box("without_mask"))
    assert [fault.kind for fault in read.faults] == [FaultKind.DUPLICATE_BOX]


@pytest.mark.parametrize("size", [b"<width>0</width>", b"<width></width>"])
def test_a_set_that_knows_no_sizes_is_read(tmp_path: Path, good: AnnotatedImage, size: bytes) -> None:
    xml = voc_xml(good).replace(b"<width>40</width>", size).replace(b"<height>30</height>", b"<height>0</height>")
    (tmp_path / "annotations" / "good.xml").write_bytes(xml)
    assert read_voc(tmp_path, strict=True).images == (good,)


def test_boxes_of_an_image_of_another_size_are_not_trusted(tmp_path: Path, good: AnnotatedImage) -> None:
    read = faulty(tmp_path, b"<width>40</width>", b"<width>30</width>")
    assert read.images == (good,)
    assert [(fault.kind, fault.value) for fault in read.faults] == [
        (FaultKind.SIZE_MISMATCH, "30x30 annotated, bad.png is 40x30")
    ]


def test_files_without_each_other_are_named(tmp_path: Path, good: AnnotatedImage) -> None:
    (tmp_path / "annotations" / "bad.xml").write_bytes(voc_xml(good).replace(b"good", b"absent"))
    alone = image(tmp_path / "images" / "alone.png").file
    read = read_voc(tmp_path)
    assert read.images == (good,)
    assert [(fault.kind, fault.file.name, fault.value) for fault in read.faults] == [
        (FaultKind.IMAGE_MISSING, "bad.xml", "no image 'absent.png'"),
        (FaultKind.ANNOTATION_MISSING, alone.name, "no alone.xml"),
    ]


def test_two_annotations_of_one_image_are_not_both_counted(tmp_path: Path, good: AnnotatedImage) -> None:
    (tmp_path / "annotations" / "zzz.xml").write_bytes(voc_xml(good))
    read = read_voc(tmp_path)
    assert read.images == (good,)
    assert [str(fault) for fault in read.faults] == [
        f"{tmp_path}/annotations/zzz.xml: second annotation of an image: skipped: good.png has good.xml"
    ]


@pytest.mark.parametrize(("content", "kind"), [(b"", FaultKind.EMPTY_FILE), (b"GIF89a...", FaultKind.IMAGE_UNREADABLE)])
def test_an_image_without_a_header_is_named(
    tmp_path: Path, good: AnnotatedImage, content: bytes, kind: FaultKind
) -> None:
    faulty(tmp_path)
    (tmp_path / "images" / "bad.png").write_bytes(content)
    read = read_voc(tmp_path)
    assert read.images == (good,)
    assert [(fault.kind, fault.file.name) for fault in read.faults] == [(kind, "bad.png")]


def test_strict_stops_at_the_first_fault_with_file_and_value(tmp_path: Path, good: AnnotatedImage) -> None:
    assert len(faulty(tmp_path, b"<xmax>9<", b"<xmax>1<").images) == 2
    sentence = r"annotations/bad\.xml: box without area: skipped: 'with_mask' \(1, 1, 1, 9\)"
    with pytest.raises(TrainingError, match=sentence):
        read_voc(tmp_path, strict=True)
    assert good.file.exists()
