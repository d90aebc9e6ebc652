"""What export writes is what the service serves: a seed gives the image that the trained network makes of it."""

from pathlib import Path

import numpy as np
import pytest

from imago.client import Imago
from imago.images import to_pillow
from tests.processes import server_process
from tests.training.export.generators.tiny import SIDE, VALUES, Tiny, TinyCritic, trained
from training.export.generators.pipeline import export_generator
from training.export.generators.proof import PIXEL_TOLERANCE, expected
from training.export.repository import Place

SEEDS = range(6)


def test_a_seed_gives_the_image_that_the_network_makes_of_it(tmp_path: Path) -> None:
    networks = trained(Tiny(classes=10, channels=1), TinyCritic(1))
    export_generator(networks, Place(tmp_path, "tiny"), "Blots.")
    wanted = expected(networks, SEEDS)
    assert wanted.realness is not None
    with (
        server_process("services.generator", f"--model-repository={tmp_path}") as server,
        Imago(server.grpc_address) as imago,
    ):
        (described,) = imago.describe_generators().models
        made = [imago.generate(model="tiny", seed=seed, labels=[str(seed)]).images[0] for seed in SEEDS]
    assert (described.width, described.height, described.has_critic) == (SIDE, SIDE, True)
    assert (described.description, described.licence, list(described.labels)) == (
        "Blots.", "Apache-2.0", [str(digit) for digit in range(10)]
    )  # fmt: skip
    for seed, image in zip(SEEDS, made, strict=True):
        assert len(image.latent.values) == VALUES
        np.testing.assert_array_equal(np.array(image.latent.values, np.float32), wanted.inputs["LATENT"][seed])
        pixels = np.asarray(to_pillow(image.image)).astype(int)
        assert np.abs(pixels - wanted.pixels[seed, :, :, 0]).max() <= PIXEL_TOLERANCE
        assert image.realness == pytest.approx(wanted.realness[seed, 0], abs=0.01)  # weights of 11 bits
