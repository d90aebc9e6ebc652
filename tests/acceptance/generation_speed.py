"""A training step of `dcgan` beside that of PyTorch's public example, interleaved, on the same pictures.

The example is not part of this repository: the environment variable DCGAN_EXAMPLE names the file `dcgan/main.py` of a
checkout of https://github.com/pytorch/examples.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.acceptance.detection_training import command
from tests.acceptance.figures import Figures
from training.curves import read_metrics
from training.data.sheet import save_png
from training.render.fruits import render_fruit

EXAMPLE = "DCGAN_EXAMPLE"
ROUNDS = 5
BATCH = 64
SIZE = 64
WARM, MEASURED = 3, 8
"""Steps of each run: the first make the library choose its algorithms."""
SAME_AS_THE_EXAMPLE = {
    "model.options.kernel": 4,
    "model.options.filters": 64,
    "model.options.dropout": 0.0,
    "model.options.initialisation": '"gaussian"',
    "optimiser.learning_rate": 2e-4,
    "optimiser.momentum": 0.5,
    "loop.batch": BATCH,
    "loop.evaluate_every": 1000,
    "loop.save_every": 1000,
    "data.train": BATCH * WARM,
    "data.validation": 11,
    "judge.images": 32,
}
"""The example's two networks, losses and optimisers, weight by weight; biases of the critic's first and last aside."""


def speed(figures: Figures) -> None:
    """Images a second of both, and the median of the rounds' ratios."""
    script = os.environ.get(EXAMPLE)
    if not script or not Path(script).is_file():
        raise RuntimeError(f"{EXAMPLE} is '{script or ''}'; it must be dcgan/main.py of a checkout of pytorch/examples")
    with TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        for number in range(BATCH * (WARM + MEASURED)):
            save_png(pictures / "fruits" / f"{number:04d}.png", render_fruit(number, SIZE, SIZE, "orange"))
        rounds = [(_ours(Path(folder) / "run"), _example(Path(script), pictures)) for _ in range(ROUNDS)]
    ratio = median(ours / theirs for ours, theirs in rounds)
    rates = {"ours": [ours for ours, _ in rounds], "example": [theirs for _, theirs in rounds]}
    figures.at_least("dcgan training: images/s as a share of the public example's", ratio, 0.97, images_per_s=rates)


def _ours(folder: Path) -> float:
    """Images a second between the ends of two epochs."""
    settings = SAME_AS_THE_EXAMPLE | {"loop.steps": WARM, "loop.epochs": 1 + -(-MEASURED // WARM)}
    changes = [argument for field, value in settings.items() for argument in ("--set", f"{field}={value}")]
    command("dcgan-fruits", *changes, "--out", str(folder))
    records = read_metrics(folder / "metrics.jsonl")
    seconds = [record["step"] * BATCH / record["images_per_second"] for record in records]  # of training, since step 0
    return float(BATCH * (records[-1]["step"] - records[0]["step"]) / (seconds[-1] - seconds[0]))


def _example(script: Path, pictures: Path) -> float:
    """Images a second between two lines that the example prints, one for each step."""
    options = (
        "--dataset=folder", f"--dataroot={pictures}", "--workers=0", f"--batchSize={BATCH}", f"--imageSize={SIZE}",
        "--niter=1", "--manualSeed=0",
    )  # fmt: skip
    with TemporaryDirectory() as out:
        process = subprocess.Popen(
            [sys.executable, "-u", str(script), *options, f"--outf={out}"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        ends = [time.monotonic() for line in process.stdout if line.startswith("[0/1]")]
        if process.wait() or len(ends) < WARM + MEASURED:
            raise RuntimeError(f"{script} ended with {process.returncode} after {len(ends)} steps")
    return BATCH * (len(ends) - WARM) / (ends[-1] - ends[WARM - 1])
