"""The compact detector: its size, its two modes, its graph, and that it learns."""

import math
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms, box_iou

from training.detectors.compact import Compact, build_compact
from training.errors import TrainingError

Target = dict[str, Tensor]

SIZE = 96
COLOURS = torch.tensor([[0.9, 0.2, 0.1], [0.1, 0.8, 0.2], [0.2, 0.3, 0.9]])


def rectangles(count: int, seed: int = 0) -> tuple[list[Tensor], list[Target]]:
    """Noisy grey images with one rectangle of each of three colours; the colour is the class."""
    random = torch.Generator().manual_seed(seed)
    images, targets = [], []
    for _ in range(count):
        image = 0.5 + 0.05 * torch.randn(3, SIZE, SIZE, generator=random)
        corners = [(3, 3), (51, 3), (27, 51)]
        sides = torch.randint(14, 42, (3, 2), generator=random).tolist()
        boxes = [(x, y, x + width, y + height) for (x, y), (width, height) in zip(corners, sides, strict=True)]
        labels = torch.randperm(3, generator=random)
        for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
            image[:, top:bottom, left:right] = COLOURS[label][:, None, None]
        images.append(image.clamp(0, 1))
        targets.append({"boxes": torch.tensor(boxes, dtype=torch.float32), "labels": labels})
    return images, targets


def nothing() -> Target:
    return {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}


def detector(size: int = SIZE, **options: object) -> Compact:
    torch.manual_seed(0)
    return build_compact(3, size, **options)


def found(detections: Target, target: Target) -> int:
    """Objects that the best detections, one for each object, name right with an IoU of at least 0.75."""
    best = {name: values[: len(target["labels"])] for name, values in detections.items()}
    overlaps = box_iou(target["boxes"], best["boxes"]) >= 0.75
    return int((overlaps & (target["labels"][:, None] == best["labels"])).any(dim=1).sum())


def test_it_has_at_most_450_thousand_weights_and_half_a_billion_multiplications() -> None:
    model = detector(320).eval()
    multiplications = 0

    def count(layer: nn.Conv2d, _: object, output: Tensor) -> None:
        nonlocal multiplications
        multiplications += output.numel() * layer.weight[0].numel()

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        model([torch.zeros(3, 320, 320)])
    assert sum(weight.numel() for weight in model.parameters()) <= 450_000
    assert multiplications <= 0.5e9


def test_it_learns_eight_images_by_heart() -> None:
    images, targets = rectangles(8)
    model = detector().train()
    steps = 80
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(steps):
        optimiser.zero_grad()
        sum(model(images, targets).values()).backward()
        optimiser.step()
        schedule.step()
    with torch.inference_mode():
        seen = model.eval()(images)
    # 24 objects; one may be missed, since steps are few and sums of floats differ between machines.
    assert sum(found(*pair) for pair in zip(seen, targets, strict=True)) >= 23


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_images_without_objects_give_finite_losses_and_gradients(empty: int) -> None:
    images, targets = rectangles(2)
    model = detector().train()
    losses = model(images, [nothing()] * empty + targets[empty:])
    assert set(losses) == {"classes", "boxes"}
    sum(losses.values()).backward()
    values = [*losses.values(), *(weight.grad for weight in model.parameters() if weight.grad is not None)]
    assert all(bool(value.isfinite().all()) for value in values)
    assert (losses["boxes"] == 0) == (empty == 2)


def test_a_box_without_area_is_no_object() -> None:
    images, _ = rectangles(1)
    model = detector().eval()
    for layer in model.modules():
        layer.training = not isinstance(layer, nn.BatchNorm2d)
    flat = {"boxes": torch.tensor([[10.0, 10.0, 10.0, 40.0]]), "labels": torch.tensor([1])}
    assert model(images, [flat])["classes"] == model(images, [nothing()])["classes"]


def test_losses_are_float32_and_finite_when_the_layers_run_in_bf16() -> None:
    images, targets = rectangles(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = detector().train()(images, targets)
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())


def test_detections_are_the_raw_candidates_after_suppression() -> None:
    images, _ = rectangles(2)
    model = detector().eval()
    with torch.inference_mode():
        seen, (boxes, scores) = model(images), model.raw(torch.stack(images))
    for found_here, image_boxes, image_scores in zip(seen, boxes, scores, strict=True):
        cell, label = (image_scores > 0.01).nonzero(as_tuple=True)
        kept = batched_nms(image_boxes[cell], image_scores[cell, label], label, 0.6)[:300]
        assert torch.equal(found_here["boxes"], image_boxes[cell][kept])
        assert torch.equal(found_here["labels"], label[kept])
        assert torch.equal(found_here["scores"], image_scores[cell, label][kept])


def test_the_untrained_network_gives_one_hundredth_and_boxes_of_four_strides() -> None:
    with torch.inference_mode():
        boxes, scores = detector().eval().raw(torch.rand(1, 3, SIZE, SIZE))
    cells = sum((SIZE // stride) ** 2 for stride in (8, 16, 32))
    assert boxes.shape == (1, cells, 4)
    assert scores.shape == (1, cells, 3)
    # The last layer's weights are drawn around 0 with a deviation of 0.01: close, not equal.
    assert scores.mean().item() == pytest.approx(0.01, rel=0.2)
    assert (boxes[0, 0, 2] - boxes[0, 0, 0]).item() == pytest.approx(32, rel=0.2)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> tuple[Compact, Path]:
    model = detector(128).eval()
    for layer in model.modules():  # A trained network's statistics are not 0 and 1.
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean, layer.running_var = (
                0.1 * torch.randn(layer.num_features),
                0.5 + torch.rand(layer.num_features),
            )
    file = tmp_path_factory.mktemp("graph") / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The exporter's own.
        torch.onnx.export(
            Raw(model),
            (torch.rand(2, 3, 128, 128),),
            str(file),
            dynamo=True,
            verbose=False,
            input_names=["images"],
            output_names=["boxes", "scores"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    return model, file


class Raw(nn.Module):
    def __init__(self, model: Compact) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = self.model.raw(images)
        return boxes, scores


@pytest.mark.parametrize("batch", [1, 3])
def test_the_exported_graph_gives_what_torch_gives(graph: tuple[Compact, Path], batch: int) -> None:
    model, file = graph
    images = torch.rand(batch, 3, 128, 128)
    with torch.inference_mode():
        boxes, scores = model.raw(images)
    seen = onnxruntime.InferenceSession(file).run(None, {"images": images.numpy()})
    # Sums of the same floats in another order; boxes are pixels in the hundreds.
    np.testing.assert_allclose(seen[0], boxes.numpy(), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(seen[1], scores.numpy(), rtol=0, atol=1e-4)


def test_other_sizes_and_missing_targets_are_said_plainly() -> None:
    model = detector()
    with pytest.raises(TrainingError, match="takes images of 96 x 96, got 64 x 96"):
        model([torch.zeros(3, 96, 64)])
    with pytest.raises(TrainingError, match="without targets"):
        model.train()([torch.zeros(3, 96, 96)])


@pytest.mark.parametrize(
    ("size", "options", "sentence"),
    [
        (100, {}, "model.size 100 is no multiple of 32"),
        (96, {"width": 2}, "model.options.width: the compact detector has no such option"),
        (96, {"widths": [8, 16, 32]}, "five even numbers"),
    ],
)
def test_a_model_that_cannot_be_built_is_named(size: int, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        build_compact(3, size, **options)


def test_a_prediction_far_beyond_the_image_stays_finite() -> None:
    model = detector().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("edges.1.bias"):
                weight.fill_(math.log(1e30))
        boxes, _ = model.raw(torch.rand(1, 3, SIZE, SIZE))
    assert bool(boxes.isfinite().all())
