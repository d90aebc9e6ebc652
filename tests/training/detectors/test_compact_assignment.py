"""Task-aligned assignment: every object is learnt, no cell learns two, padding is never learnt."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.detectors.compact import cells_of
from training.detectors.compact_assignment import Assignment, Objects, TaskAligned, may_learn, pad_objects, pairwise_iou

SIZE = 64
CLASSES = 3
CELLS = cells_of(SIZE)
COUNT = len(CELLS.strides)

sides = st.floats(0.5, 60, width=32)
places = st.floats(0, 1, width=32)


@st.composite
def boxes_in_the_image(draw: st.DrawFn) -> tuple[float, float, float, float]:
    width, height = draw(sides), draw(sides)
    x, y = draw(places) * (SIZE - width), draw(places) * (SIZE - height)
    return x, y, x + width, y + height


@st.composite
def batches(draw: st.DrawFn) -> Objects:
    counts = draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))
    targets = []
    for count in counts:
        boxes = draw(st.lists(boxes_in_the_image(), min_size=count, max_size=count))
        labels = draw(st.lists(st.integers(0, CLASSES - 1), min_size=count, max_size=count))
        targets.append({"boxes": torch.tensor(boxes).reshape(-1, 4), "labels": torch.tensor(labels, dtype=torch.int64)})
    return pad_objects(targets)


def predictions(images: int, seed: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    reach = 4 * torch.rand(images, COUNT, 4, generator=random) * CELLS.strides[:, None]
    boxes = torch.cat((CELLS.centres - reach[..., :2], CELLS.centres + reach[..., 2:]), dim=-1)
    return torch.rand(images, COUNT, CLASSES, generator=random), boxes


def assigned(objects: Objects, seed: int, candidates: int = 10) -> Assignment:
    return TaskAligned(candidates)(*predictions(len(objects.boxes), seed), CELLS, objects)


@given(batches())
def test_every_object_however_small_has_a_cell_that_may_learn_it_and_padding_none(objects: Objects) -> None:
    assert torch.equal(may_learn(CELLS, objects).any(dim=-1), objects.present)


@given(batches(), st.integers(0, 99), st.integers(1, 13))
def test_a_cell_learns_an_object_in_whose_box_it_lies_and_never_padding(
    objects: Objects, seed: int, candidates: int
) -> None:
    result = assigned(objects, seed, candidates)
    allowed = may_learn(CELLS, objects).gather(1, result.object[:, None]).squeeze(1)
    assert bool(allowed[result.positive].all())
    assert bool(objects.present.gather(1, result.object)[result.positive].all())
    each = torch.nn.functional.one_hot(result.object, objects.boxes.shape[1]) * result.positive[..., None]
    assert int(each.sum(dim=1).max()) <= candidates


@given(batches(), st.integers(0, 99))
def test_qualities_are_between_0_and_1_and_0_where_nothing_is_learnt(objects: Objects, seed: int) -> None:
    result = assigned(objects, seed)
    assert bool((result.quality >= 0).all() and (result.quality <= 1 + 1e-5).all())
    assert bool((result.quality[~result.positive] == 0).all())


@given(st.lists(boxes_in_the_image(), min_size=1, max_size=1), st.integers(0, 99))
def test_an_object_alone_is_always_learnt_even_where_no_prediction_touches_it(
    boxes: list[tuple[float, float, float, float]], seed: int
) -> None:
    objects = pad_objects([{"boxes": torch.tensor(boxes), "labels": torch.tensor([0])}])
    scores, _ = predictions(1, seed)
    nowhere = torch.tensor([-9.0, -9.0, -8.0, -8.0]).expand(1, COUNT, 4)
    assert bool(TaskAligned()(scores, nowhere, CELLS, objects).positive.any())


@given(batches(), st.integers(0, 99))
def test_an_object_is_left_out_only_when_better_ones_took_its_cells(objects: Objects, seed: int) -> None:
    result = assigned(objects, seed, candidates=COUNT)
    overlap = pairwise_iou(objects.boxes, predictions(len(objects.boxes), seed)[1])
    numbers = torch.arange(objects.boxes.shape[1])[:, None]
    mine = (result.object[:, None] == numbers) & result.positive[:, None]
    lost = may_learn(CELLS, objects) & ~mine
    assert bool(result.positive[lost.any(dim=1)].all())
    owners = overlap.gather(1, result.object[:, None])
    assert bool((owners >= overlap)[lost].all())


def test_the_best_cell_is_to_score_its_overlap() -> None:
    objects = pad_objects([{"boxes": torch.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": torch.tensor([2])}])
    scores, boxes = predictions(1, 3)
    result = TaskAligned()(scores, boxes, CELLS, objects)
    overlap = pairwise_iou(objects.boxes, boxes)[0, 0][result.positive[0]]
    torch.testing.assert_close(result.quality.max(), overlap.max())


@given(batches(), st.integers(0, 99))
def test_an_image_is_assigned_alike_alone_and_in_a_batch(objects: Objects, seed: int) -> None:
    scores, boxes = predictions(len(objects.boxes), seed)
    together = TaskAligned()(scores, boxes, CELLS, objects)
    for image in range(len(boxes)):
        one = slice(image, image + 1)
        alone = Objects(objects.boxes[one], objects.labels[one], objects.present[one])
        result = TaskAligned()(scores[one], boxes[one], CELLS, alone)
        assert torch.equal(result.positive[0], together.positive[image])
        # The last digit of a power depends on whether a value falls into a vector or into its rest.
        torch.testing.assert_close(result.quality[0], together.quality[image])


def test_intersection_over_union_is_what_it_says() -> None:
    objects = torch.tensor([[[0.0, 0.0, 10.0, 10.0]]])
    boxes = torch.tensor(
        [[[0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0], [20.0, 0.0, 30.0, 10.0], [3.0, 3.0, 3.0, 3.0]]]
    )
    torch.testing.assert_close(pairwise_iou(objects, boxes), torch.tensor([[[1.0, 1 / 3, 0.0, 0.0]]]))


def test_padding_keeps_every_object_and_drops_those_without_area() -> None:
    first = {"boxes": torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 5.0, 9.0]]), "labels": torch.tensor([1, 2])}
    second = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    objects = pad_objects([first, second])
    assert objects.present.tolist() == [[True, False], [False, False]]
    assert objects.labels[0].tolist() == [1, 2]
    assert pad_objects([second]).present.tolist() == [[False]]
