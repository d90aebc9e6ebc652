"""YOLO text files: written and read, with the rounding that the format has."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings

from tests.training.data.annotated import CLASSES, box, boxes_within, contents, image, picture
from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.faults import FaultKind
from training.data.voc import read_voc, write_voc
from training.data.yolo import ROUNDING, is_yolo, read_yolo, write_yolo
from training.errors import TrainingError

WIDTH, HEIGHT = 1280, 7


@settings(max_examples=60, deadline=None)
@given(boxes_within(WIDTH, HEIGHT, least=1e-3, difficult=False))
def test_an_edge_moves_by_less_than_a_millionth_of_the_side(boxes: tuple[LabelledBox, ...]) -> None:
    """A share is a quotient and an edge a sum of two, so single bits are lost; other tools' six decimals set 1e-6."""
    with TemporaryDirectory() as folder:
        made = AnnotatedImage(picture(Path(folder, "a.png"), WIDTH, HEIGHT), WIDTH, HEIGHT, boxes)
        write_yolo(Path(folder, "yolo"), [made], CLASSES)
        (read,) = read_yolo(Path(folder, "yolo"), strict=True).images
    assert [box.label for box in read.boxes] == [box.label for box in boxes]
    for before, after in zip(boxes, read.boxes, strict=True):
        assert after.edges == pytest.approx(before.edges, rel=0, abs=ROUNDING * HEIGHT)


def test_a_line_is_the_class_the_centre_and_the_size(tmp_path: Path) -> None:
    write_yolo(tmp_path, [image(tmp_path / "a.png", box("with_mask", 10, 15, 20, 30))], CLASSES)
    assert (tmp_path / "labels" / "train" / "a.txt").read_text(encoding="utf-8") == "1 0.375 0.75 0.25 0.5\n"
    assert yaml.safe_load((tmp_path / "data.yaml").read_text(encoding="utf-8")) == {
        "train": "images/train",
        "names": dict(enumerate(CLASSES)),
    }


def test_splits_become_folders_and_are_read_back(tmp_path: Path) -> None:
    images = [image(tmp_path / "source" / f"{name}.png", box()) for name in "abc"]
    write_yolo(tmp_path, images, CLASSES, splits={images[0].file: "validation", images[1].file: "test"})
    assert (tmp_path / "labels" / "val" / "a.txt").is_file()
    read = read_yolo(tmp_path, strict=True)
    assert read.classes == CLASSES
    assert [made.file.name for made in read.of("validation")] == ["a.png"]
    assert [made.file.name for made in read.of("test")] == ["b.png"]
    assert [made.file.name for made in read.of("train")] == ["c.png"]


@pytest.mark.parametrize("layout", ["images", "train/images", "valid/images"])
def test_other_tools_layouts_and_lists_of_names_are_read(tmp_path: Path, layout: str) -> None:
    picture(tmp_path / layout / "a.png")
    labels = tmp_path / layout.replace("images", "labels") / "a.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("0 0.5 0.5 1 1\n", encoding="utf-8")
    (tmp_path / "classes.txt").write_text("helmet\nhead\n", encoding="utf-8")
    read = read_yolo(tmp_path, strict=True)
    assert read.classes == ("helmet", "head")
    assert read.images[0].boxes == (box("helmet", 0, 0, 40, 30),)


def test_names_may_be_a_list_and_classes_choose_among_them(tmp_path: Path) -> None:
    write_yolo(tmp_path, [image(tmp_path / "a.png", box("with_mask"), box("without_mask"))], CLASSES)
    (tmp_path / "data.yaml").write_text("names: [person, face]\n", encoding="utf-8")
    read = read_yolo(tmp_path, classes=("face",))
    assert [box.label for box in read.images[0].boxes] == ["face"]
    assert [fault.kind for fault in read.faults] == [FaultKind.UNKNOWN_CLASS]


def test_six_decimals_at_the_edge_are_no_fault(tmp_path: Path) -> None:
    write_yolo(tmp_path, [image(tmp_path / "a.png", box())], CLASSES)
    (tmp_path / "labels" / "train" / "a.txt").write_text("0 0.500001 0.5 0.999999 1.0\n", encoding="utf-8")
    (read,) = read_yolo(tmp_path, strict=True).images
    assert read.boxes[0].edges[2] == 40


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("0 0.5 0.5 0.5", FaultKind.BROKEN_BOX),
        ("0 0.5 0.5 0.5 0.5 0.9", FaultKind.BROKEN_BOX),
        ("mask 0.5 0.5 0.5 0.5", FaultKind.BROKEN_BOX),
        ("0 nan 0.5 0.5 0.5", FaultKind.BROKEN_BOX),
        ("3 0.5 0.5 0.5 0.5", FaultKind.UNKNOWN_CLASS),
        ("0 0.5 0.5 0 0.5", FaultKind.ZERO_AREA),
        ("0 0.99 0.5 0.1 0.5", FaultKind.CLAMPED),
        ("0 1.6 0.5 0.1 0.5", FaultKind.OUTSIDE),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: str, kind: FaultKind) -> None:
    write_yolo(tmp_path, [image(tmp_path / "a.png")], CLASSES)
    labels = tmp_path / "labels" / "train" / "a.txt"
    labels.write_text(f"1 0.5 0.5 0.5 0.5\n{line}\n", encoding="utf-8")
    read = read_yolo(tmp_path)
    assert [(fault.kind, fault.file) for fault in read.faults] == [(kind, labels)]
    assert read.images[0].boxes[0].label == "with_mask"
    with pytest.raises(TrainingError, match=r"a\.txt: "):
        read_yolo(tmp_path, strict=True)


def test_images_and_labels_without_each_other_are_named(tmp_path: Path) -> None:
    write_yolo(tmp_path, [image(tmp_path / f"{name}.png", box()) for name in "abc"], CLASSES)
    (tmp_path / "labels" / "train" / "a.txt").unlink()
    (tmp_path / "images" / "train" / "b.png").unlink()
    (tmp_path / "labels" / "train" / "c.txt").write_bytes(b"\xff\xfe\x00")
    read = read_yolo(tmp_path)
    assert read.images == ()
    assert {(fault.kind, fault.file.name) for fault in read.faults} == {
        (FaultKind.ANNOTATION_MISSING, "a.png"),
        (FaultKind.IMAGE_MISSING, "b.txt"),
        (FaultKind.BROKEN_FILE, "c.txt"),
    }


@pytest.mark.parametrize("content", ["names: 3", "- a", "names: [", "names: {a: b}", "names: []"])
def test_a_broken_list_of_names_is_one_sentence(tmp_path: Path, content: str) -> None:
    write_yolo(tmp_path, [image(tmp_path / "a.png", box())], CLASSES)
    (tmp_path / "data.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match=r"data\.yaml: ") as raised:
        read_yolo(tmp_path)
    assert "\n" not in str(raised.value)


def test_without_names_the_classes_must_be_given(tmp_path: Path) -> None:
    write_yolo(tmp_path, [image(tmp_path / "a.png", box("with_mask"))], CLASSES).unlink()
    with pytest.raises(TrainingError, match="says what the class numbers mean"):
        read_yolo(tmp_path)
    assert read_yolo(tmp_path, classes=CLASSES).images[0].boxes[0].label == "with_mask"


def test_a_label_without_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"a\.png: the label 'dog' is none of without_mask, with_mask"):
        write_yolo(tmp_path / "yolo", [image(tmp_path / "a.png", box("dog"))], CLASSES)


def test_from_voc_to_yolo_and_back_keeps_whole_pixels(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", [image(tmp_path / "a.png", box(), box("without_mask", 0, 0, 40, 30))])
    voc = read_voc(tmp_path / "voc")
    write_yolo(tmp_path / "yolo", voc.images, voc.classes)
    assert is_yolo(tmp_path / "yolo")
    back = read_yolo(tmp_path / "yolo", strict=True).images
    rounded = [box(one.label, *(round(edge, 9) for edge in one.edges)) for one in back[0].boxes]
    assert {"a.png": (40, 30, tuple(rounded))} == contents(voc.images)


def test_difficult_objects_have_no_mark_and_are_left_out(tmp_path: Path) -> None:
    write_yolo(tmp_path, [image(tmp_path / "a.png", box(difficult=True))], CLASSES)
    assert read_yolo(tmp_path, strict=True).images[0].boxes == ()
