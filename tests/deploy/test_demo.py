"""The demo's pictures that never were: a grid of each generator that is served."""

import io
from pathlib import Path

from PIL import Image
from rich.console import Console

from deploy.demo import GRID, generate
from imago.albums import GAP
from imago.client import Imago
from tests.processes import server_process
from tests.services.generator.tiny import SIDE, write_generator


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
