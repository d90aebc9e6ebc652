"""Which pairs and which domains a run gets, and what the forms of both refuse."""

from pathlib import Path

import numpy as np
import pytest

from training import translation_data
from training.data.classified import ClassifiedImages
from training.data.derived import grey
from training.data.photographs import COLOURED, PHOTOGRAPHS, SCENES, photograph
from training.data.rendered import VALIDATION_OFFSET
from training.data.rendered_classes import draw
from training.data.rendered_domains import draw_silhouette, rendered_domains
from training.data.rendered_pairs import HELD_OUT, crop, draw_pair, rendered_pairs
from training.data.translated import PairedImages, UnpairedSplits
from training.errors import TrainingError
from training.recipe import Data, load_recipe
from training.run import Run
from training.translation_data import domains_of, pairs_of

SOURCES = {"maps": ("aerial", "map"), "edges": ("edges", "photo"), "colorize": ("grey", "colour")}


def data(source: str, **changes: object) -> Data:
    classes = SOURCES.get(source, ("cow", "horse"))
    table = {"source": source, "classes": classes, "train": 4, "validation": 3, "width": 32, "height": 24, "seed": 5}
    return Data.model_validate(table | changes)


def run(tmp_path: Path, **changes: str) -> Run:
    small = {"data.train": "4", "data.validation": "4"} | {f"data.{name}": text for name, text in changes.items()}
    return Run(load_recipe("judge-animals", smoke=True, changes=small), tmp_path / "run")


@pytest.mark.parametrize("source", SOURCES)
def test_pairs_are_functions_of_their_seeds_and_rendered_once(tmp_path: Path, source: str) -> None:
    splits = rendered_pairs(data(source), tmp_path)
    assert (splits.train.inputs.shape, splits.validation.targets.shape) == ((4, 24, 32, 3), (3, 24, 32, 3))
    assert list(splits.train.names) == [f"{source} {seed}" for seed in range(5, 9)]
    for place, seed in enumerate(range(5, 9)):
        given, wanted = draw_pair(data(source), seed)
        assert (splits.train.inputs[place] == given).all()
        assert (splits.train.targets[place] == wanted).all()
    files = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(rendered_pairs(data(source, train=2), tmp_path).train) == 2
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == files
    more = rendered_pairs(data(source, train=5), tmp_path).train
    assert (more.inputs[:4] == splits.train.inputs).all()
    assert set(tmp_path.iterdir()) == set(files)


def test_a_colourless_input_is_the_grey_of_its_target() -> None:
    given, wanted = draw_pair(data("colorize"), 7)
    assert (given == grey(wanted)).all()
    assert np.ptp(wanted.astype(int), axis=2).max() > 20


def test_no_pixel_of_a_photograph_is_both_trained_on_and_checked_with() -> None:
    columns = np.repeat(np.tile(np.arange(200, dtype=np.uint8), (150, 1))[:, :, None], 3, axis=2)
    border = round(200 * (1 - HELD_OUT))
    assert max(crop(columns, seed, 40, 30).max() for seed in range(40)) < border
    assert min(crop(columns, VALIDATION_OFFSET + seed, 40, 30).min() for seed in range(40)) >= border
    assert min(crop(columns, seed, 40, 30).min() for seed in range(40)) < 10, "all of the rest is seen"


def test_bundled_photographs_are_there_by_name() -> None:
    assert set(SCENES) <= set(COLOURED) <= set(PHOTOGRAPHS)
    for name in PHOTOGRAPHS:
        pixels = photograph(name)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == pixels.shape[2] == 3
        assert (np.ptp(pixels.astype(int), axis=2).max() > 0) == (name in COLOURED)
    with pytest.raises(TrainingError, match="there is no photograph 'mona-lisa'; there are astronaut, cat, "):
        photograph("mona-lisa")


def test_domains_are_the_classes_of_a_renderer_with_silhouettes_where_it_knows_them(tmp_path: Path) -> None:
    animals = data("animals", train=6, validation=5)
    splits = rendered_domains(animals, tmp_path)
    assert splits.domains == ("cow", "horse")
    assert [len(images) for images in (*splits.train, *splits.validation)] == [3, 3, 3, 2]
    assert splits.masks is not None
    for domain, (images, masks) in enumerate(zip(splits.validation, splits.masks, strict=True)):
        for place, number in enumerate(range(domain, 5, 2)):
            item = (number, VALIDATION_OFFSET + 5 + number)
            assert (images.pixels[place] == draw(animals, item)[0]).all()
            assert (masks[place] == draw_silhouette(animals, item)).all()
    fewer = rendered_domains(data("animals", train=6, validation=3), tmp_path)
    assert fewer.masks is not None
    assert (fewer.masks[0] == splits.masks[0][:2]).all()


def test_a_run_gets_what_its_recipe_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation_data, "CACHE", tmp_path / "cache")
    pairs = run(tmp_path, source="maps", classes='["aerial", "map"]')
    assert len(pairs_of(pairs).train) == 4
    villages = run(tmp_path, source="day-night", classes='["day", "night"]')
    splits = domains_of(villages)
    assert splits.masks is None
    assert splits.train[0].pixels.mean() > 1.4 * splits.train[1].pixels.mean(), "nights are dark"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"source": "seas"}, "data.source = 'seas': there are maps, edges, colorize; or name a folder of pairs"),
        ({"source": "maps", "classes": '["map"]'}, r"data.classes = \['map'\]: a pair has two sides"),
        ({"source": "maps", "channels": "1"}, "data.channels = 1: translators take and make colours, 3 channels"),
    ],
)
def test_pairs_that_cannot_be_made_are_named(tmp_path: Path, changes: dict[str, str], complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        pairs_of(run(tmp_path, **changes))


def test_domains_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="data.source = 'maps': the domains are of fruits, animals"):
        domains_of(run(tmp_path, source="maps"))
    with pytest.raises(TrainingError, match=r"data\.classes = \['cow'\]: two domains have two names"):
        domains_of(run(tmp_path, classes='["cow"]'))


def test_a_pair_set_of_two_sizes_is_refused() -> None:
    small, large = np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 12, 3), np.uint8)
    with pytest.raises(TrainingError, match=r"inputs \(2, 8, 8, 3\), targets \(2, 8, 12, 3\) and 2 names are no pairs"):
        PairedImages(small, large, ["a", "b"])
    with pytest.raises(TrainingError, match=r"inputs \(2, 8, 8\) of a pair set"):
        PairedImages(small[..., 0], small[..., 0], ["a", "b"])
    both = PairedImages(small, small + 1, ["a", "b"])
    assert (both.reversed().inputs == 1).all()
    assert list(both.take(np.array([1])).names) == ["b"]


def test_domains_of_two_sizes_and_masks_of_another_are_refused() -> None:
    def images(side: int) -> ClassifiedImages:
        return ClassifiedImages(np.zeros((1, side, side, 3), np.uint8), np.zeros(1, np.int64), ("a", "b"), ["x"])

    one = (images(8), images(8))
    with pytest.raises(TrainingError, match=r"two domains have the sizes \[\(8, 8, 3\), \(9, 9, 3\)\]"):
        UnpairedSplits(one, (images(8), images(9)))
    with pytest.raises(TrainingError, match=r"masks \(1, 4, 4\) do not fit images \(1, 8, 8, 3\)"):
        UnpairedSplits(one, one, (np.zeros((1, 8, 8), np.bool_), np.zeros((1, 4, 4), np.bool_)))
