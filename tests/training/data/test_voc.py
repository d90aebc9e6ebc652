"""Pascal VOC: what is written is read back, in every layout that sets come in."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.data.annotated import CLASSES, box, boxes_within, contents, image, picture
from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.voc import is_voc, read_voc, voc_xml, write_voc
from training.errors import TrainingError


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes_within(40, 30), min_size=1, max_size=3), st.booleans())
def test_every_bit_of_a_box_survives_the_round_trip(
    annotations: list[tuple[LabelledBox, ...]], one_based: bool
) -> None:
    with TemporaryDirectory() as folder:
        images = [
            AnnotatedImage(picture(Path(folder, "source", f"{number}.png")), 40, 30, boxes)
            for number, boxes in enumerate(annotations)
        ]
        write_voc(Path(folder, "voc"), images, one_based=one_based)
        read = read_voc(Path(folder, "voc"), one_based=one_based, strict=True)
    assert contents(read.images) == contents(images)


def test_a_box_of_true_pascal_voc_counts_from_one_and_includes_its_last_pixel(tmp_path: Path) -> None:
    write_voc(tmp_path, [image(tmp_path / "a.png", box("with_mask", 0, 0, 10, 20))], one_based=True)
    written = (tmp_path / "annotations" / "a.xml").read_text(encoding="utf-8")
    assert "<xmin>1</xmin>" in written
    assert "<xmax>10</xmax>" in written
    assert read_voc(tmp_path).images[0].boxes == (box("with_mask", 1, 1, 10, 20),)
    assert read_voc(tmp_path, one_based=True).images[0].boxes == (box("with_mask", 0, 0, 10, 20),)


@pytest.mark.parametrize(
    ("pictures", "annotations"), [("images", "annotations"), ("JPEGImages", "Annotations"), ("Images", "ANNOTATIONS")]
)
def test_every_pair_of_folder_names_is_found(tmp_path: Path, pictures: str, annotations: str) -> None:
    made = image(tmp_path / pictures / "a.jpg", box())
    (tmp_path / annotations).mkdir()
    (tmp_path / annotations / "a.xml").write_bytes(voc_xml(made))
    assert read_voc(tmp_path).images == (made,)


def test_images_and_annotations_may_lie_in_one_folder(tmp_path: Path) -> None:
    made = image(tmp_path / "a.png", box(difficult=True))
    (tmp_path / "a.xml").write_bytes(voc_xml(made))
    assert read_voc(tmp_path).images == (made,)


def test_a_folder_without_a_layout_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no Pascal VOC set: it has neither images/ with annotations/"):
        read_voc(tmp_path)
    with pytest.raises(TrainingError, match="there is no such folder"):
        read_voc(tmp_path / "absent")
    assert not is_voc(tmp_path)


def test_what_kaggle_writes_is_read(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "maksssksksss0.png", 512, 366)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "maksssksksss0.xml").write_text(
        """<annotation><folder>images</folder><filename>maksssksksss0.png</filename>
        <size><width>512</width><height>366</height><depth>3</depth></size><segmented>0</segmented>
        <object><name>without_mask</name><pose>Unspecified</pose><truncated>0</truncated><occluded>0</occluded>
        <difficult>0</difficult><bndbox><xmin>79</xmin><ymin>105</ymin><xmax>109</xmax><ymax>142</ymax></bndbox></object>
        <object><name>with_mask</name><difficult>1</difficult>
        <part><name>nose</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
        <bndbox><xmin>185.5</xmin><ymin>100</ymin><xmax>226</xmax><ymax>144</ymax></bndbox></object></annotation>""",
        encoding="utf-8",
    )
    (read,) = read_voc(tmp_path, classes=CLASSES, strict=True).images
    assert read.boxes == (
        box("without_mask", 79, 105, 109, 142),
        box("with_mask", 185.5, 100, 226, 144, difficult=True),
    )


def test_a_stale_file_name_gives_way_to_the_annotations_own_name(tmp_path: Path) -> None:
    made = image(tmp_path / "images" / "new.png", box())
    other = image(tmp_path / "images" / "old.png", box("without_mask"))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "new.xml").write_bytes(voc_xml(other).replace(b"without_mask", b"with_mask"))
    (tmp_path / "annotations" / "old.xml").write_bytes(voc_xml(other))
    assert contents(read_voc(tmp_path, strict=True).images) == contents([made, other])


def test_a_name_with_folders_finds_only_images_of_the_set(tmp_path: Path) -> None:
    outside = picture(tmp_path / "secret.png")
    made = image(tmp_path / "set" / "images" / "a.png", box())
    (tmp_path / "set" / "annotations").mkdir()
    xml = voc_xml(made).replace(b"a.png", f"../../{outside.name}".encode())
    (tmp_path / "set" / "annotations" / "b.xml").write_bytes(xml)
    assert read_voc(tmp_path / "set").images == ()


def test_splits_are_written_and_read(tmp_path: Path) -> None:
    images = [image(tmp_path / "source" / f"{name}.png", box()) for name in "abc"]
    write_voc(tmp_path, images, splits={images[0].file: "train", images[1].file: "validation"})
    read = read_voc(tmp_path)
    assert [made.file.name for made in read.of("train")] == ["a.png"]
    assert [made.file.name for made in read.of("validation")] == ["b.png"]
    assert (tmp_path / "ImageSets" / "Main" / "val.txt").read_text(encoding="utf-8") == "b\n"


def test_images_that_would_share_an_annotation_are_refused(tmp_path: Path) -> None:
    images = [image(tmp_path / name, box()) for name in ("a.png", "a.jpg")]
    with pytest.raises(TrainingError, match=r"a\.jpg and .*a\.png would both be written as 'a'"):
        write_voc(tmp_path / "voc", images)


def test_classes_are_those_asked_for_or_those_found(tmp_path: Path) -> None:
    write_voc(tmp_path, [image(tmp_path / "a.png", box("with_mask"), box("head", 1, 1, 5, 5))])
    assert read_voc(tmp_path).classes == ("head", "with_mask")
    read = read_voc(tmp_path, classes=CLASSES)
    assert read.classes == CLASSES
    assert read.empty_classes() == ("without_mask", "mask_weared_incorrect")
