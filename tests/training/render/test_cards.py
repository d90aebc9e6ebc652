import io

import dlib
import numpy as np
import pytest
from PIL import Image, ImageOps

from training.render.cards import RenderedCard, oriented_jpeg, render_card
from training.render.faces import Edges


@pytest.fixture(scope="module")
def cards() -> list[RenderedCard]:
    return [render_card(seed) for seed in range(12)]


def iou(a: Edges, b: Edges) -> float:
    """Intersection over union of two boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (area - width * height)


def test_a_real_detector_finds_the_face_where_the_card_says(cards: list[RenderedCard]) -> None:
    detector = dlib.get_frontal_face_detector()
    overlaps = []
    for card in cards:
        for found in detector(card.pixels, 0)[:1]:
            box = (found.left(), found.top(), found.right() + 1.0, found.bottom() + 1.0)
            overlaps.append(iou(box, card.boxes[0]))
    # The detector misses faces turned with the card now and then, and leaves out the forehead, a fourth of the box.
    assert len(overlaps) >= 0.8 * len(cards)
    assert np.median(overlaps) > 0.6


def test_the_card_and_its_face_lie_in_the_photograph(cards: list[RenderedCard]) -> None:
    for card in cards:
        height, width = card.pixels.shape[:2]
        assert (card.corners > 0).all()
        assert (card.corners < (width, height)).all()
        x_min, y_min, x_max, y_max = card.boxes[0]
        assert (card.landmarks[0] > (x_min, y_min)).all()
        assert (card.landmarks[0] < (x_max, y_max)).all()


def test_cards_are_seen_at_an_angle_of_at_most_15_degrees(cards: list[RenderedCard]) -> None:
    for card in cards:
        upper = card.corners[1] - card.corners[0]
        # Perspective bends the edge by a few degrees more than the card is turned.
        assert abs(np.degrees(np.arctan2(upper[1], upper[0]))) < 20
    sides = np.array([np.linalg.norm(card.corners - np.roll(card.corners, 1, axis=0), axis=1) for card in cards])
    assert np.abs(sides[:, 1] / sides[:, 3] - 1).max() > 0.03, "opposite sides differ: it is perspective"


@pytest.mark.parametrize(("faces", "count"), [("one", 1), ("none", 0), ("several", 2)])
def test_a_card_has_as_many_faces_as_asked_the_largest_first(faces: str, count: int) -> None:
    card = render_card(3, faces=faces)  # type: ignore[arg-type]
    heights = [box[3] - box[1] for box in card.boxes]
    assert len(heights) == len(card.landmarks) == count
    assert heights == sorted(heights, reverse=True)


def test_the_same_seed_gives_the_same_card() -> None:
    assert (render_card(4).pixels == render_card(4).pixels).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_readers_that_heed_exif_see_every_orientation_upright(orientation: int) -> None:
    pixels = render_card(1, width=320, height=240).pixels
    stored = Image.open(io.BytesIO(oriented_jpeg(pixels, orientation, quality=98)))
    upright = np.asarray(ImageOps.exif_transpose(stored), float)
    assert upright.shape == pixels.shape
    # JPEG at quality 98 changes a pixel by 2 on average; a wrong turn by 30 and more.
    assert np.abs(upright - pixels).mean() < 4
    assert stored.size == ((240, 320) if orientation in {6, 8} else (320, 240))


def test_a_mirrored_orientation_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="orientation 2: must be one of 1, 3, 6, 8"):
        oriented_jpeg(np.zeros((8, 8, 3), np.uint8), 2)
