"""The folder `gatys`, in the process that the runtime runs it in: what goes in, what comes out, when it stops."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from services.runtime.backends.python.backend import PythonBackend
from services.runtime.errors import InvalidInput
from tests.training.export.stylisers.tiny import Reader, features, loaded, photograph, write_steps
from training.stylisation.gatys import StyleSettings, settings_for, stylise

STEPS = 40
LAYERS = "relu1_1, relu2_1, relu2_2"


@pytest.fixture(scope="module")
def gatys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonBackend]:
    with loaded(write_steps(tmp_path_factory.mktemp("models"), features(), settings())) as backend:
        yield backend


def settings() -> StyleSettings:
    chosen = settings_for(features())
    return StyleSettings(chosen.content_layers, chosen.style_layers, steps=STEPS)


def asked(content: NDArray[np.uint8], *styles: NDArray[np.uint8], weights: tuple[float, ...] = ()) -> dict[str, Any]:
    return {
        "IMAGE": content,
        "STYLE_PIXELS": np.concatenate([style.ravel() for style in styles]),
        "STYLE_SHAPES": np.array([style.shape[:2] for style in styles], np.int64),
        "STYLE_WEIGHTS": np.array(weights or [1.0] * len(styles), np.float32),
    }


def test_the_style_loss_falls_as_it_does_with_torchs_own_gradients(gatys: PythonBackend) -> None:
    content, style = photograph(1), photograph(6, 96, 80)
    responses = Reader().read(gatys, asked(content, style), preview_every_steps=15)
    losses = np.array([response["LOSSES"] for response in responses])
    assert [int(response["STEP"][0]) for response in responses] == list(range(1, STEPS + 1))
    assert losses[-1, 1] < 0.05 * losses[0, 1]
    shown = [int(response["STEP"][0]) for response in responses if response["IMAGE"].size]
    assert shown == [15, 30, 40]
    planes = [torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1 for pixels in (content, style)]
    image, wanted = stylise(features(), planes[0], planes[1], settings())
    # Adam's first steps go by signs: what float32 rounds the other way moves a pixel by a whole step
    np.testing.assert_allclose(losses[:5], np.array(wanted)[:5], rtol=1e-2, atol=1e-6)
    assert losses[-1].sum() == pytest.approx(sum(wanted[-1]), rel=0.05)
    pixels = ((image[0].permute(1, 2, 0) + 1) * 127.5).numpy()
    assert np.abs(responses[-1]["IMAGE"] - pixels).mean() < 2


def test_at_strength_0_the_content_comes_back(gatys: PythonBackend) -> None:
    content = photograph(0)
    (*_, last) = Reader().read(gatys, asked(content, photograph(2)), steps=3, strength=0)
    assert (last["IMAGE"] == content).all()


def test_two_styles_are_mixed_by_their_weights(gatys: PythonBackend) -> None:
    content, styles = photograph(0), (photograph(2), photograph(6, 80, 64))
    first = [
        Reader().read(gatys, asked(content, *styles, weights=weights), steps=1)[0]["LOSSES"][1]
        for weights in ((3.0, 0.0), (1.0, 1.0))
    ]
    alone = Reader().read(gatys, asked(content, styles[0]), steps=1)[0]["LOSSES"][1]
    assert first[0] == pytest.approx(alone, rel=1e-5)
    assert first[1] != pytest.approx(alone, rel=1e-2)


def test_noise_of_a_seed_is_always_the_same_beginning(gatys: PythonBackend) -> None:
    images = [
        Reader().read(gatys, asked(photograph(0), photograph(2)), steps=1, noise_seed=seed)[-1]["IMAGE"]
        for seed in (7, 7, 8)
    ]
    assert (images[0] == images[1]).all()
    assert (images[0] != images[2]).any()


def test_it_ends_within_one_step_of_its_caller_and_is_free_for_the_next(gatys: PythonBackend) -> None:
    reader = Reader(leave_after=3)
    assert len(reader.read(gatys, asked(photograph(0), photograph(2)), steps=5000)) == 3
    assert len(Reader().read(gatys, asked(photograph(0), photograph(2)), steps=1)) == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"content_layers": ["relu5_1"]}, f"content_layers has 'relu5_1'; the layers are {LAYERS}"),
        ({"strength": 1.5}, "strength is 1.5; it must be a number from 0 to 1"),
        ({"steps": 0}, "steps is 0; it must be a whole number from 1 to 5000"),
        ({"style_weight": float("nan")}, "style_weight is nan; it must be a number from 0"),
        ({"colour": 1}, "SETTINGS has 'colour'; it may have steps, learning_rate"),
    ],
)
def test_a_setting_that_cannot_be_is_the_callers_mistake(
    gatys: PythonBackend, change: dict[str, Any], complaint: str
) -> None:
    reader = Reader()
    assert reader.read(gatys, asked(photograph(0), photograph(2)), **change) == []
    assert isinstance(reader.error, InvalidInput)
    assert complaint in str(reader.error)


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        (asked(photograph(0, 63, 64), photograph(2)), "IMAGE is 64x63; sides must be multiples of 2 and at least 64"),
        (asked(photograph(0), photograph(2, 1, 64)), "STYLE_SHAPES is [[1, 64]]; sides must be at least 2"),
        (asked(photograph(0), photograph(2), weights=(-1.0,)), "STYLE_WEIGHTS is [-1.0]; weights are 0 or more"),
        (
            asked(photograph(0), photograph(2)) | {"STYLE_PIXELS": np.zeros(9, np.uint8)},
            "STYLE_PIXELS has 9 bytes where STYLE_SHAPES says 12288",
        ),
    ],
)
def test_images_that_cannot_be_are_named(gatys: PythonBackend, inputs: dict[str, Any], complaint: str) -> None:
    reader = Reader()
    assert reader.read(gatys, inputs) == []
    assert complaint in str(reader.error)
