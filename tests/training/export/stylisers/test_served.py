"""What export writes is what the service serves: styles in one pass, styles step by step, and dreams."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from imago.client import Imago
from imago.images import to_pillow
from imago.v1.translator_pb2 import StyleOptimisation
from tests.processes import server_process
from tests.training.export.stylisers.tiny import features, photograph, write_steps
from training.dreaming.settings import DreamSettings
from training.export.repository import Place
from training.export.stylisers.pipeline import write_stylizer
from training.export.stylisers.trained import TrainedStylizer
from training.recipe import load_recipe
from training.stylisation.adain import Stylizer
from training.stylisation.gatys import settings_for
from training.stylisation.training import stylised

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    torch.manual_seed(1)
    return Stylizer(features().until("relu2_1", reflected=True)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def imago(tmp_path_factory: pytest.TempPathFactory, stylizer: Stylizer) -> Iterator[Imago]:
    """The service over one model of each kind."""
    root = tmp_path_factory.mktemp("models")
    trained = TrainedStylizer(load_recipe("adain", smoke=True), stylizer, {})
    list(write_stylizer(trained, Place(root, "stylizer"), Place(root, "style_encoder")))
    write_steps(root, features(), settings_for(features()))
    write_steps(root, features(), DreamSettings(("relu2_2",), octaves=2, steps=3))
    with (
        server_process("services.translator", f"--model-repository={root}") as server,
        Imago(server.grpc_address) as client,
    ):
        yield client


def test_a_style_in_one_pass_is_what_the_network_makes(imago: Imago, stylizer: Stylizer) -> None:
    content, style = photograph(0, HEIGHT, WIDTH), photograph(6, HEIGHT, WIDTH)
    (answer,) = imago.stylize(content, style)
    found = np.asarray(to_pillow(answer.result.image)).astype(int)
    planes = [torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1 for pixels in (content, style)]
    wanted = ((stylised(stylizer, *planes)[0].permute(1, 2, 0) + 1) * 127.5).numpy()
    assert np.abs(found - wanted).max() <= 3  # rounding, and weights of 11 bits
    assert len(answer.result.style_code.values) == stylizer.encoder.values


def test_a_style_step_by_step_and_a_dream_tell_their_progress(imago: Imago) -> None:
    content = photograph(0, HEIGHT, WIDTH)
    *steps, last = imago.stylize(content, photograph(6), model="gatys", optimisation=StyleOptimisation(steps=5))
    assert [answer.progress.step for answer in steps] == [1, 2, 3, 4, 5]
    assert steps[-1].progress.style_loss < steps[0].progress.style_loss
    assert (last.result.width, last.result.height) == (WIDTH, HEIGHT)
    *dreamt, dream = imago.dream(content, seed=1)
    assert [(answer.progress.octave, answer.progress.step) for answer in dreamt] == [
        (octave, step) for octave in (0, 1) for step in (1, 2, 3)
    ]
    assert dream.result.objective_after > dream.result.objective_before
