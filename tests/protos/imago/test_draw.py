"""What is drawn lies where the detection lies, and nowhere else."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imago import draw
from imago.v1.image_pb2 import Box, Detection, Landmarks, Point

ORIENTATION = 0x0112


def picture(size: tuple[int, int] = (200, 160), colour: str = "white", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def detection(box: tuple[float, float, float, float], label: str = "face") -> Detection:
    x_min, y_min, x_max, y_max = box
    return Detection(box=Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max), label=label, score=0.5)


def changed(image: Image.Image) -> npt.NDArray[np.bool_]:
    """Which pixels of a white picture are not white any more, (height, width)."""
    different: npt.NDArray[np.bool_] = (np.asarray(image) != 255).any(axis=2)
    return different


def test_nothing_found_leaves_the_picture_as_it_is() -> None:
    assert not changed(draw.annotate(picture(), [])).any()


def test_a_box_runs_along_the_edges_of_its_pixels() -> None:
    image = draw.annotate(picture(), [detection((50, 60, 150, 140))])
    colour = tuple(bytes.fromhex(draw.colour_of("face")[1:]))
    pixels = np.asarray(image)
    for x, y in [(50, 100), (149, 100), (100, 60), (100, 139)]:
        assert tuple(pixels[y, x]) == colour
    assert not changed(image)[64:135, 56:145].any()
    assert not changed(image)[:, :48].any()


def test_a_landmark_is_drawn_where_it_is() -> None:
    found = detection((50, 60, 150, 140))
    found.landmarks.CopyFrom(Landmarks(points=[Point(x=100, y=100)]))
    rows, columns = np.nonzero(changed(draw.annotate(picture(), [found]))[70:130, 60:140])
    assert rows.mean() + 70 == pytest.approx(100, abs=1)
    assert columns.mean() + 60 == pytest.approx(100, abs=1)


def test_labels_have_colours_of_their_own() -> None:
    found = [detection((20, 60, 80, 140), "with_mask"), detection((110, 60, 190, 140), "without_mask")]
    pixels = np.asarray(draw.annotate(picture(), found))
    assert tuple(pixels[100, 20]) == (0x3D, 0xDC, 0x97)
    assert tuple(pixels[100, 110]) == (0xFF, 0x5D, 0x5D)


def test_a_label_has_the_same_colour_whatever_else_is_in_the_picture() -> None:
    alone = np.asarray(draw.annotate(picture(), [detection((20, 60, 80, 140), "zebra")]))
    beside = [detection((110, 60, 190, 140), "ant"), detection((20, 60, 80, 140), "zebra")]
    assert tuple(alone[100, 20]) == tuple(np.asarray(draw.annotate(picture(), beside))[100, 20])


def test_tags_of_neighbours_do_not_hide_each_other() -> None:
    boxes = [(100, 200, 160, 260), (130, 200, 190, 260), (150, 195, 210, 260)]
    labels = ["with_mask", "without_mask", "mask_weared_incorrect"]
    found = [detection(box, label) for box, label in zip(boxes, labels, strict=True)]
    together = np.asarray(draw.annotate(picture((640, 480)), found))
    for one in found:
        colour = tuple(bytes.fromhex(draw.colour_of(one.label)[1:]))
        alone = np.asarray(draw.annotate(picture((640, 480)), [one]))
        plates = [int((image == colour).all(axis=2).sum()) for image in (alone, together)]
        # The whole plate is there; what may be hidden are lines of the box.
        assert plates[1] > 0.7 * plates[0]


def test_a_tag_names_the_track() -> None:
    found = detection((50, 60, 150, 140))
    without = draw.annotate(picture(), [found])
    found.track_id = 12
    assert changed(draw.annotate(picture(), [found])).sum() > changed(without).sum()


def test_alerts_are_a_banner_that_leaves_the_middle_of_the_picture_alone() -> None:
    image = Image.new("RGB", (640, 480), "white")
    draw.mark(image, [], ["Track 3 shows without_mask.", "Track 5 shows without_mask."])
    red = (np.asarray(image) == tuple(bytes.fromhex(draw.ALERT[1:]))).all(axis=2)
    assert red[5, 5]
    assert red[479, 639]
    assert not changed(image)[60:-10, 10:-10].any()


def test_tags_keep_out_of_the_banner() -> None:
    image = Image.new("RGB", (640, 480), "white")
    draw.mark(image, [detection((20, 30, 80, 100), "with_mask")], ["Track 3 shows without_mask."])
    green = (np.asarray(image) == (0x3D, 0xDC, 0x97)).all(axis=2)
    rows = np.nonzero(green.sum(axis=1) > 61)[0]  # wider than the box: the plate
    assert rows.min() >= 100


@given(
    box=st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 4),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    label=st.sampled_from(["", "face", "a label that is wider than the picture", "Gesicht äöü 顔"]),
)
@settings(max_examples=50)
def test_any_box_can_be_drawn_into_any_picture(
    box: tuple[float, float, float, float], size: tuple[int, int], label: str
) -> None:
    image = draw.annotate(picture(size), [detection(box, label)] * 2)
    draw.mark(image, [detection(box, label)], [label])
    assert image.size == size


def test_the_picture_is_turned_upright() -> None:
    file = io.BytesIO()
    image = Image.new("RGB", (64, 48))
    exif = image.getexif()
    exif[ORIENTATION] = 6
    image.save(file, "JPEG", exif=exif)
    assert draw.annotate(file.getvalue(), []).size == (48, 64)


def test_what_is_transparent_becomes_white() -> None:
    assert not changed(draw.annotate(picture(mode="RGBA", colour="#00000000"), [])).any()


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp"])
def test_a_picture_is_saved_in_the_format_of_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    draw.save(Image.new("RGB", (8, 8)), path)
    with Image.open(path) as saved:
        assert saved.format == draw.SUFFIXES[suffix.lower()]
