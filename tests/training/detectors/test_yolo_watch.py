"""What stops ultralytics while it trains, told by a trainer that only calls back."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.squares import draw_squares
from training.datasets import Images
from training.detectors.yolo_watch import Watch
from training.errors import Interrupted, TrainingError
from training.recipe import load_recipe
from training.run import Run, prepare_folder

CHANGES = {"model.size": "64", "loop.batch": "4", "loop.epochs": "3"}


class Trainer:
    """Calls back as ultralytics does, one step after the other."""

    def __init__(self, last: Path, before_step: Callable[[], object] = lambda: None, batch: int = 4) -> None:
        self.callbacks: dict[str, Callable[[Any], None]] = {}
        self.last, self.before_step, self.batch_size = last, before_step, batch
        self.files, self.epoch = ("a.png", "b.png"), 0
        self.loss, self.loss_items = torch.tensor(1.0), {"box_loss": torch.tensor(1.0)}
        self.tloss, self.lr, self.scores = self.loss_items, {"lr/pg0": 0.1}, {"mAP50-95": 0.5}

    def add_callback(self, event: str, callback: Callable[[Any], None]) -> None:
        self.callbacks[event] = callback

    def train(self) -> None:
        for self.epoch in range(3):
            self.callbacks["on_train_epoch_start"](self)
            for _ in range(2):
                self.callbacks["on_train_batch_start"](self)
                self.before_step()
                self.callbacks["on_train_batch_end"](self)
            self.callbacks["on_train_epoch_end"](self)
            self.last.touch()
            self.callbacks["on_fit_epoch_end"](self)


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    run = Run(load_recipe("mask-yolo", smoke=True, changes=CHANGES), tmp_path / "run")
    prepare_folder(run)
    images = draw_squares(tmp_path / "drawn", 10)
    return Watch(run, Images(images[:8], images[8:]), epochs_done=0)


def test_epochs_are_recorded_and_the_last_of_the_best_is_kept(watch: Watch, tmp_path: Path) -> None:
    watch.follow(Trainer(tmp_path / "last.pt"))
    outcome = watch.outcome({"parameters": 5})
    assert [(record["epoch"], record["step"]) for record in outcome.records] == [(1, 2), (2, 4), (3, 6)]
    assert (outcome.best_epoch, outcome.facts["parameters"]) == (3, 5)


def test_ctrl_c_ends_after_the_step_and_says_how_to_go_on(watch: Watch, tmp_path: Path) -> None:
    steps = iter(range(10))

    def before_step() -> None:
        if next(steps) == 2:
            signal.raise_signal(signal.SIGINT)

    trainer = Trainer(tmp_path / "last.pt", before_step)
    with pytest.raises(Interrupted, match="stopped in epoch 2 of 3; .* with the same command and --resume"):
        watch.follow(trainer)
    assert next(steps) == 3


def test_ctrl_c_in_the_first_epoch_keeps_nothing_and_says_so(watch: Watch, tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="stopped in the first epoch: nothing is kept"):
        watch.follow(Trainer(tmp_path / "last.pt", lambda: signal.raise_signal(signal.SIGTERM)))


def test_a_loss_that_is_not_finite_names_step_and_files(watch: Watch, tmp_path: Path) -> None:
    trainer = Trainer(tmp_path / "last.pt")
    trainer.loss_items = {"box_loss": torch.tensor(float("nan"))}
    with pytest.raises(TrainingError, match=r"step 1: box = nan.*the batch was a\.png, b\.png"):
        watch.follow(trainer)


def test_a_batch_that_ultralytics_made_smaller_is_refused(watch: Watch, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"loop\.batch: the GPU's memory does not hold 4 images"):
        watch.follow(Trainer(tmp_path / "last.pt", batch=2))
