"""A training step of `pix2pix` and `cyclegan` beside that of their public reference, interleaved, at the same settings.

The reference is not part of this repository: the environment variable TRANSLATION_REFERENCE names a checkout of
https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix. Both train networks of the same layers and as many weights with
the same losses, in float32 on a CPU; on a GPU ours is given what its recipes for GPUs have, bfloat16.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.acceptance.detection_training import command
from tests.acceptance.figures import Figures
from training.curves import read_metrics

REFERENCE = "TRANSLATION_REFERENCE"
SCRIPT = Path(__file__).with_name("reference_step.py")
ROUNDS = 5
WARM, MEASURED = 3, 8
"""Steps of each run: the first make the library choose its algorithms."""
SIDE = 128
ON_CPU, ON_GPU = 0.97, 1.5


@dataclass(frozen=True, slots=True)
class Same:
    """One model, as both sides are told to train it.

    Attributes:
        recipe: ours.
        changes: of the recipe, by dotted field.
        options: of the reference's `train.py`.
        batch: images, or pairs, of a step.
    """

    recipe: str
    changes: Mapping[str, Any]
    options: tuple[str, ...]
    batch: int


BOTH = {
    "data.width": SIDE,
    "data.height": SIDE,
    "model.size": SIDE,
    "augment.flip": 0.0,
    "augment.zoom": "[1.0, 1.0]",
    "loop.ema": 0.0,
    "loop.evaluate_every": 1000,
    "loop.save_every": 1000,
}
"""What the reference has no counterpart of, or does outside of a step, is left out."""

PIX2PIX = Same(
    "pix2pix-maps",
    {
        "data.validation": 2,
        "model.options.freeze_from": 1.0,
        "model.options.generator.halvings": 7,
        "model.options.generator.width": 32,
        "model.options.generator.most": 256,
        "model.options.generator.dropout": 0.5,
        "model.options.critic.width": 32,
        "model.options.critic.norm": '"batch"',
    },
    ("--model=pix2pix", "--netG=unet_128", "--ngf=32", "--ndf=32", "--batch_size=4"),
    batch=4,
)
CYCLEGAN = Same(
    "cyclegan-cow2horse",
    {
        "data.validation": 8,
        "model.options.generator.width": 32,
        "model.options.generator.blocks": 6,
        "model.options.generator.resized": "false",
        "model.options.critic.width": 32,
        "judge.recipe": '"judge-coats-smoke"',
        "judge.images": 8,
    },
    ("--model=cycle_gan", "--netG=resnet_6blocks", "--ngf=32", "--ndf=32", "--batch_size=1"),
    batch=1,
)


def speed(figures: Figures) -> None:
    """Images a second of both, and the median of the rounds' ratios."""
    checkout = Path(os.environ.get(REFERENCE, ""))
    if not (checkout / "models" / "cycle_gan_model.py").is_file():
        raise RuntimeError(
            f"{REFERENCE} is '{os.environ.get(REFERENCE, '')}'; it must be a checkout of "
            "junyanz/pytorch-CycleGAN-and-pix2pix"
        )
    for same in (PIX2PIX, CYCLEGAN):
        with TemporaryDirectory() as folder:
            rounds = [(ours(same, Path(folder) / "run"), theirs(same, checkout)) for _ in range(ROUNDS)]
        rates = {"ours": [rate for rate, _ in rounds], "reference": [rate for _, rate in rounds]}
        figures.at_least(
            f"{same.recipe} training: images/s as a share of the public reference's",
            median(rate / reference for rate, reference in rounds),
            ON_GPU if torch.cuda.is_available() else ON_CPU,
            images_per_s=rates,
        )


def ours(same: Same, folder: Path) -> float:
    """Images a second between the ends of two epochs."""
    settings = {
        **BOTH,
        **same.changes,
        "data.train": 2 * WARM * same.batch,  # of two domains half each
        "loop.batch": same.batch,
        "loop.steps": WARM,
        "loop.epochs": 1 + -(-MEASURED // WARM),
    }
    if torch.cuda.is_available():
        settings["loop.precision"] = '"bf16"'
    changes = [argument for field, value in settings.items() for argument in ("--set", f"{field}={value}")]
    command(same.recipe, *changes, "--out", str(folder))
    records = read_metrics(folder / "metrics.jsonl")
    seconds = [record["step"] * same.batch / record["images_per_second"] for record in records]  # of training
    return float(same.batch * (records[-1]["step"] - records[0]["step"]) / (seconds[-1] - seconds[0]))


def theirs(same: Same, checkout: Path) -> float:
    """Images a second between two lines that the reference's process prints, one for each step."""
    steps = WARM + MEASURED
    process = subprocess.Popen(
        [sys.executable, "-u", str(SCRIPT), str(checkout), str(steps), str(SIDE), *same.options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ends = [time.monotonic() for line in process.stdout if line == "step\n"]
    if process.wait() or len(ends) < steps:
        raise RuntimeError(f"the reference in {checkout} ended with {process.returncode} after {len(ends)} steps")
    return same.batch * MEASURED / (ends[-1] - ends[WARM - 1])
