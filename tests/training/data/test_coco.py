"""COCO JSON: what is written is read back bit by bit, and other tools read it."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from tests.training.data.annotated import CLASSES, box, boxes_within, contents, image, picture
from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.coco import is_coco, read_coco, write_coco
from training.data.faults import FaultKind
from training.errors import TrainingError


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes_within(40, 30), min_size=1, max_size=3))
def test_every_bit_of_a_box_survives_the_round_trip(annotations: list[tuple[LabelledBox, ...]]) -> None:
    with TemporaryDirectory() as folder:
        images = [
            AnnotatedImage(picture(Path(folder, "source", f"{number}.png")), 40, 30, boxes)
            for number, boxes in enumerate(annotations)
        ]
        write_coco(Path(folder, "coco"), images, CLASSES)
        read = read_coco(Path(folder, "coco"), strict=True)
    assert read.classes == CLASSES
    assert contents(read.images) == contents(images)


def test_pycocotools_reads_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_coco(tmp_path, [image(tmp_path / "a.png", box("with_mask", 1, 2, 4.5, 6), box(difficult=True))], CLASSES)
    coco = COCO(str(tmp_path / "annotations" / "instances.json"))
    capsys.readouterr()
    first, second = coco.loadAnns(coco.getAnnIds())
    assert first["bbox"] == [1, 2, 3.5, 4]
    assert first["area"] == 14
    assert coco.loadCats(first["category_id"])[0]["name"] == "with_mask"
    assert coco.getAnnIds(iscrowd=True) == [second["id"]]


def test_splits_become_files_and_are_read_back(tmp_path: Path) -> None:
    images = [image(tmp_path / "source" / f"{name}.png", box()) for name in "ab"]
    write_coco(tmp_path / "coco", images, CLASSES, splits={images[0].file: "train", images[1].file: "validation"})
    assert sorted(file.name for file in (tmp_path / "coco" / "annotations").iterdir()) == [
        "instances_train.json",
        "instances_val.json",
    ]
    read = read_coco(tmp_path / "coco", strict=True)
    assert [made.file.name for made in read.of("train")] == ["a.png"]
    assert [made.file.name for made in read.of("validation")] == ["b.png"]


@pytest.mark.parametrize(
    ("pictures", "file", "split"),
    [
        ("train2017", "annotations/instances_train2017.json", "train"),
        ("images/val2017", "annotations/instances_val2017.json", "validation"),
        ("valid", "valid/_annotations.coco.json", "validation"),
        (".", "constraints.json", None),
    ],
)
def test_other_tools_layouts_are_read(tmp_path: Path, pictures: str, file: str, split: str | None) -> None:
    made = image(tmp_path / pictures / "a.png", box("head", 1, 2, 3, 4))
    _write(tmp_path / file)
    read = read_coco(tmp_path, strict=True)
    assert is_coco(tmp_path)
    assert contents(read.images) == contents([made])
    assert read.splits.get(read.images[0].file) == split


def test_images_of_a_name_in_two_splits_are_told_apart(tmp_path: Path) -> None:
    for split, side in (("train", 40), ("val", 50)):
        picture(tmp_path / split / "a.png", side, 30)
        _write(tmp_path / split / "labels.json", images=[{"id": 1, "file_name": "a.png", "width": side, "height": 30}])
    read = read_coco(tmp_path, strict=True)
    assert {made.width: read.splits[made.file] for made in read.images} == {40: "train", 50: "validation"}


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"images": []}', b'{"images": [1], "annotations": []}'])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    read = read_coco(tmp_path)
    assert [(fault.kind, fault.file.name) for fault in read.faults] == [(FaultKind.BROKEN_FILE, "a.json")]
    with pytest.raises(TrainingError, match=r"a\.json: broken annotation file"):
        read_coco(tmp_path, strict=True)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"bbox": [1, 2, 3]}, FaultKind.BROKEN_BOX),
        ({"bbox": None}, FaultKind.BROKEN_BOX),
        ({"bbox": [1, "2", 3, 4]}, FaultKind.BROKEN_BOX),
        ({"bbox": [1, float("nan"), 3, 4]}, FaultKind.BROKEN_BOX),
        ({"bbox": [1, 10**400, 3, 4]}, FaultKind.BROKEN_BOX),
        ({"bbox": [1, 2, 0, 4]}, FaultKind.ZERO_AREA),
        ({"bbox": [-1, 2, 3, 4]}, FaultKind.CLAMPED),
        ({"bbox": [41, 2, 3, 4]}, FaultKind.OUTSIDE),
        ({"bbox": [5, 6, 7, 8]}, FaultKind.DUPLICATE_BOX),
        ({"category_id": 9}, FaultKind.UNKNOWN_CLASS),
        ({"category_id": [1]}, FaultKind.UNKNOWN_CLASS),
        ({"image_id": 8}, FaultKind.IMAGE_MISSING),
    ],
)
def test_a_faulty_annotation_is_named(tmp_path: Path, change: dict[str, Any], kind: FaultKind) -> None:
    picture(tmp_path / "a.png")
    good = {"image_id": 1, "category_id": 1, "bbox": [5, 6, 7, 8]}
    _write(tmp_path / "a.json", annotations=[good, {"image_id": 1, "category_id": 1, "bbox": [1, 2, 2, 2]} | change])
    read = read_coco(tmp_path)
    assert [fault.kind for fault in read.faults] == [kind]
    assert read.images[0].boxes[0] == box("head", 5, 6, 12, 14)


def test_faulty_images_are_named(tmp_path: Path) -> None:
    for name in ("unlisted.png", "twice.png", "size.png"):
        picture(tmp_path / "images" / name)
    picture(tmp_path.parent / "outside.png")
    names = ("twice.png", "twice.png", "absent.png", "../outside.png", "size.png")
    entries: list[dict[str, Any]] = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    _write(tmp_path / "annotations" / "a.json", images=[*entries[:4], entries[4] | {"width": 30, "height": 40}])
    read = read_coco(tmp_path)
    assert [(fault.kind, fault.value) for fault in read.faults] == [
        (FaultKind.SECOND_ANNOTATION, "'twice.png' is listed twice"),
        (FaultKind.IMAGE_MISSING, "no image 'absent.png'"),
        (FaultKind.IMAGE_MISSING, "no image '../outside.png'"),
        (FaultKind.SIZE_MISMATCH, "30x40 annotated, size.png is 40x30"),
        (FaultKind.ANNOTATION_MISSING, "no JSON file lists it"),
    ]


def test_a_folder_without_json_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no COCO set"):
        read_coco(tmp_path)
    (tmp_path / "a.json").touch()
    assert [fault.kind for fault in read_coco(tmp_path).faults] == [FaultKind.EMPTY_FILE]


def _write(file: Path, **lists: list[dict[str, Any]]) -> None:
    """A file with one image of one head, lists replaced by those given."""
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 2, 2]}] if "images" not in lists else [],
        "categories": [{"id": 1, "name": "head"}],
    } | lists
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
