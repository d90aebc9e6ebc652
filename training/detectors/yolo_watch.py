"""What follows ultralytics while it trains: scores, the record, the progress, and what must stop it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.average_precision import average_precision
from training.datasets import Images
from training.detection_data import LetterboxedImages, held_out_batches
from training.detectors.yolo_network import YoloRaw
from training.errors import Interrupted, TrainingError
from training.parts import Interruption, Progress, build_accelerator, require_finite
from training.record import MetricsLog, device_name, peak_memory
from training.run import Run, read_json, write_json
from training.summary import Outcome

METRIC = "mAP50-95"


class Watch:
    """One run, seen from ultralytics' callbacks."""

    def __init__(self, run: Run, images: Images, epochs_done: int) -> None:
        recipe = run.recipe
        self.run, self.loop = run, recipe.loop
        self._end_to_end = bool(recipe.model.options.get("end_to_end"))
        self._accelerator = build_accelerator(recipe.loop)
        self._held_out = LetterboxedImages(images.validation, recipe.data.classes, recipe.model.size)
        self._files = {image.file.name: image.file for image in images.train}
        self._images = len(images.train)
        self._steps_per_epoch = -(-self._images // recipe.loop.batch)
        self._step = epochs_done * self._steps_per_epoch
        self._log = MetricsLog(run, epochs_done)
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        self._cost = {"seconds": 0.0, "training_seconds": 0.0}
        if epochs_done and self._cost_file.exists():
            self._cost |= read_json(self._cost_file)
        self._begun = time.monotonic() - self._cost["seconds"]
        self._epoch_begun = 0.0

    @property
    def _cost_file(self) -> Path:
        return self.run.checkpoints / "cost.json"

    @property
    def best_epoch(self) -> int:
        """Counted from 1. Of equal epochs the last, as ultralytics keeps it."""
        best = max(self._log.records, key=lambda record: (record.get(METRIC) or 0.0, record["epoch"]))
        return int(best["epoch"])

    @property
    def _images_per_second(self) -> float:
        """Training images, evaluation not counted."""
        epochs = self._step / self._steps_per_epoch
        return epochs * self._images / self._cost["training_seconds"] if self._cost["training_seconds"] else 0.0

    def follow(self, trainer: Any) -> None:
        """Let it train.

        Raises:
            Interrupted: stopped by Ctrl-C or SIGTERM.
            TrainingError: a loss is not finite, an image is damaged, or a batch does not fit into the GPU's memory.
        """
        steps = self.loop.epochs * self._steps_per_epoch
        with Interruption() as interruption, Progress(steps, shown=True) as progress:

            def batch_end(trainer: Any) -> None:
                self._finish_step(trainer, progress)
                if interruption.agreed(self._accelerator):
                    raise Interrupted(self._stopped(trainer))

            def epoch_end(trainer: Any) -> None:
                progress.say(self._finish_epoch(trainer))

            trainer.add_callback("on_train_start", self._check_images)
            trainer.add_callback("on_train_epoch_start", self._start_epoch)
            trainer.add_callback("on_train_batch_start", self._check_batch)
            trainer.add_callback("on_train_batch_end", batch_end)
            trainer.add_callback("on_train_epoch_end", self._stop_clock)
            trainer.add_callback("on_fit_epoch_end", epoch_end)
            trainer.train()
        self._log.close()

    @torch.no_grad()
    def evaluate(self, network: nn.Module) -> dict[str, float | None]:
        """Scores of a network on the held-out images."""
        device = self._accelerator.device
        detector = YoloRaw(network, self._held_out.size, end_to_end=self._end_to_end).to(device)
        found: list[dict[str, Tensor]] = []
        true: list[dict[str, Tensor]] = []
        for batch in held_out_batches(self._held_out, self.loop.batch, 0, 1):
            results = detector(list((batch.images.to(device).float() / 255).unbind()))
            found += [{name: values.cpu() for name, values in image.items()} for image in results]
            true += batch.targets
        return average_precision(found, true, self.run.recipe.data.classes)

    def outcome(self, facts: Mapping[str, Any]) -> Outcome:
        """What the finished run cost and reached; `facts` as in the summary."""
        device = self._accelerator.device
        return Outcome(
            device=device_name(device),
            precision=self.loop.precision,
            processes=1,
            seconds=time.monotonic() - self._begun,
            images_per_second=self._images_per_second,
            peak_memory=peak_memory(device),
            metric=METRIC,
            best_epoch=self.best_epoch,
            records=self._log.records,
            facts=facts,
        )

    def _start_epoch(self, trainer: Any) -> None:
        self._epoch_begun = time.monotonic()

    def _check_images(self, trainer: Any) -> None:
        """What ultralytics cannot read it leaves out without a word."""
        read = {Path(file).name for file in trainer.train_loader.dataset.im_files}
        for name, file in self._files.items():
            if name not in read:
                raise TrainingError(f"{file} is damaged: ultralytics cannot read it")

    def _check_batch(self, trainer: Any) -> None:
        if trainer.batch_size != self.loop.batch:  # ultralytics halves it, and begins the epoch again
            raise TrainingError(f"loop.batch: the GPU's memory does not hold {self.loop.batch} images; take fewer")

    def _finish_step(self, trainer: Any, progress: Progress) -> None:
        losses = {name.removesuffix("_loss"): value for name, value in trainer.loss_items.items()}
        values = require_finite({**losses, "total": trainer.loss}, self._step, trainer.files)
        self._step += 1
        progress.advance(self._step, values)

    def _stop_clock(self, trainer: Any) -> None:
        self._cost["training_seconds"] += time.monotonic() - self._epoch_begun

    def _finish_epoch(self, trainer: Any) -> dict[str, Any]:
        """Put the epoch's record together; the checkpoint is already written."""
        record: dict[str, Any] = {"epoch": trainer.epoch + 1, "step": self._step}
        record |= {f"loss/{name.removesuffix('_loss')}": float(value) for name, value in trainer.tloss.items()}
        record["learning_rate"] = float(trainer.lr["lr/pg0"])
        record["images_per_second"] = self._images_per_second
        record |= trainer.scores
        self._log.add(record)
        self._log.draw()
        self._cost["seconds"] = time.monotonic() - self._begun
        write_json(self._cost_file, self._cost)
        return record

    def _stopped(self, trainer: Any) -> str:
        if not trainer.last.exists():
            return f"stopped in the first epoch: nothing is kept in {self.run.folder}"
        return (
            f"stopped in epoch {trainer.epoch + 1} of {self.loop.epochs}; the state after the last whole epoch is in "
            f"{self.run.folder}: go on with the same command and --resume"
        )
