"""The demo's pictures that never were: a grid of each generator, a pair for whatever translates, stylises or dreams."""

import io
from pathlib import Path

from PIL import Image
from rich.console import Console

from deploy.demo import GRID, LONGEST_SIDE, dream, generate, stylize, translate
from imago.albums import GAP
from imago.client import Imago
from tests.processes import server_process
from tests.services.generator.tiny import SIDE, write_generator
from tests.services.translator.tiny import (
    write_dreamer,
    write_encoder,
    write_optimizer,
    write_stylizer,
    write_translator,
)


def test_every_generator_makes_a_grid_and_says_what_makes_it_again(tmp_path: Path) -> None:
    for name in ("fruits", "cow"):
        write_generator(tmp_path / "models", name)
    said = io.StringIO()
    with (
        server_process("services.generator", f"--model-repository={tmp_path / 'models'}") as server,
        Imago(server.grpc_address) as imago,
    ):
        generate(imago, ["fruits", "cow"], tmp_path, Console(file=said, width=120))
    for name in ("fruits", "cow"):
        with Image.open(tmp_path / f"{name}.png") as grid:
            assert grid.size == (4 * (SIDE + GAP) + GAP, 4 * (SIDE + GAP) + GAP)
    assert f"{GRID} of {SIDE}×{SIDE}" in said.getvalue()
    assert "0, " in said.getvalue(), "the seed"


def test_what_is_translated_stylised_or_dreamt_stands_beside_what_it_was_made_of(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for write in (write_encoder, write_stylizer, write_optimizer, write_dreamer):
        write(models)
    write_translator(models, "aerial_to_map")
    write_translator(models, "winter_to_spring")
    said = io.StringIO()
    console = Console(file=said, width=120)
    with (
        server_process("services.translator", f"--model-repository={models}") as server,
        Imago(server.grpc_address) as imago,
    ):
        translate(imago, ["aerial_to_map", "winter_to_spring"], tmp_path, console)
        stylize(imago, ["stylizer", "gatys"], tmp_path, console)
        dream(imago, ["dream"], tmp_path, console)
    pictures = {"aerial_to_map": 2, "winter_to_spring": 2, "stylizer": 3, "gatys": 3, "dream": 2}
    for name, shown in pictures.items():
        with Image.open(tmp_path / f"{name}.png") as row:
            assert row.width >= shown * min(LONGEST_SIDE, row.height)
        assert f"{name}.png" in said.getvalue()
    with Image.open(tmp_path / "aerial_to_map.png") as row:
        width = (row.width - 3 * GAP) // 2
        given, made = row.getpixel((GAP + 5, GAP + 5)), row.getpixel((2 * GAP + width + 5, GAP + 5))
    assert isinstance(given, tuple)
    assert isinstance(made, tuple)
    assert [255 - value for value in given] == list(made), "the town from the air, and what a model made of it"
