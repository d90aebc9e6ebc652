"""Run by torchrun: trains a tiny detector and leaves what each process has. Arguments: the data's folder, the output's.

It is `training.detection.train_detector`, but for the weights that it writes.
"""

import sys
from pathlib import Path

from training.checkpoint import save_weights
from training.datasets import images_of
from training.detection import DetectionTask
from training.loop import Loop
from training.parts import build_accelerator
from training.recipe import load_recipe
from training.run import Run, prepare_folder

CHANGES = {"model.size": "64", "loop.batch": "4", "loop.epochs": "2", "loop.ema": "0.5"}


def main(data: Path, out: Path) -> None:
    run = Run(load_recipe("mask-compact", smoke=True, changes=CHANGES), out / "run", data=data)
    accelerator = build_accelerator(run.recipe.loop)
    if accelerator.is_main_process:
        prepare_folder(run)
    accelerator.wait_for_everyone()
    task = DetectionTask(run.recipe, images_of(run), accelerator)
    Loop(task, run, accelerator).train()
    save_weights(task.detector, out / f"process-{accelerator.process_index}.safetensors")
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
