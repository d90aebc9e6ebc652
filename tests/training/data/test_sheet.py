"""Contact sheets show every picture with its boxes where they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.training.data.annotated import box, image
from training.data.pictures import read_pixels
from training.data.sheet import PAPER, colours, contact_sheet, draw_boxes, sheet
from training.errors import TrainingError

GREY = np.full((100, 200, 3), 120, np.uint8)


def test_the_line_of_a_box_is_its_first_and_last_pixels() -> None:
    drawn = draw_boxes(GREY, [box("with_mask", 20, 40, 60, 80)])
    changed = np.argwhere((drawn[41:] != GREY[41:]).any(2))  # the label stands above
    assert (changed[:, 1].min(), changed[:, 1].max(), changed[:, 0].max() + 41) == (20, 59, 79)
    assert tuple(drawn[79, 30]) == colours([])["with_mask"]
    assert (GREY == 120).all()


@pytest.mark.parametrize("edges", [(0, 0, 200, 100), (190, 0, 200, 5), (0, 95, 5, 100), (-50, -50, 500, 500)])
def test_labels_and_boxes_at_any_edge_are_drawn_inside_the_image(edges: tuple[float, ...]) -> None:
    drawn = draw_boxes(GREY, [box("mask_weared_incorrect", *edges)], scores=[0.87654])
    assert drawn.shape == GREY.shape
    assert (drawn != GREY).any()


def test_an_image_smaller_than_any_letter_is_drawn() -> None:
    assert draw_boxes(np.zeros((3, 2, 3), np.uint8), [box("head", 0, 0, 2, 3)]).shape == (3, 2, 3)


def test_known_labels_have_a_colour_of_their_own_and_others_differ() -> None:
    chosen = colours(["dog", "cat", "with_mask"])
    assert len({chosen[label] for label in ("dog", "cat")}) == 2
    assert chosen["with_mask"] != chosen["without_mask"]


def test_a_page_has_rows_of_columns() -> None:
    page = sheet([np.zeros((50, 30, 3), np.uint8)] * 5, columns=3)
    assert page.shape == (2 * (50 + 6) + 6, 3 * (30 + 6) + 6, 3)
    assert tuple(page[-20, -20]) == PAPER  # the sixth place is empty
    assert page[30, 30].sum() == 0


def test_a_contact_sheet_is_a_png_of_all_images(tmp_path: Path) -> None:
    images = [
        image(tmp_path / "wide.png", box("with_mask", 0, 0, 400, 100), width=400, height=100),
        image(tmp_path / "tiny.jpg", box("cat"), width=20, height=30),
        image(tmp_path / "none.png"),
    ]
    contact_sheet(images, tmp_path / "new" / "page.png", columns=2, cell=120)
    page = cv2.imread(str(tmp_path / "new" / "page.png"))
    assert page is not None
    assert page.shape == (2 * (120 + 6 + 16) + 6, 2 * 126 + 6, 3)


def test_pixels_are_as_stored_because_boxes_are(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees when shown
    Image.new("RGB", (40, 30), (200, 10, 10)).save(tmp_path / "turned.jpg", exif=exif)
    pixels = read_pixels(tmp_path / "turned.jpg")
    assert pixels.shape == (30, 40, 3)
    assert pixels[0, 0, 0] > pixels[0, 0, 2]  # red first


def test_what_cannot_be_shown_is_one_sentence(tmp_path: Path) -> None:
    made = image(tmp_path / "a.png")
    with pytest.raises(TrainingError, match="needs at least one image"):
        contact_sheet([], tmp_path / "page.png")
    with pytest.raises(TrainingError, match=r"a\.png/page\.png: "):
        contact_sheet([made], tmp_path / "a.png" / "page.png")
    made.file.write_bytes(b"no image")
    with pytest.raises(TrainingError, match=r"a\.png: cannot be read as an image"):
        contact_sheet([made], tmp_path / "page.png")
