"""Steps of the public reference of pix2pix and CycleGAN, one line for each that is done.

Run as a script of its own, `python tests/acceptance/reference_step.py CHECKOUT STEPS SIDE [OPTION ...]`, since the
packages of a checkout are called `models`, `options` and `util`. OPTION is one of the checkout's `train.py`.
"""

import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import torch


def main(checkout: Path, steps: int, side: int, options: list[str]) -> None:
    """Train on one batch of noise that is there already: what a step costs does not depend on what images show."""
    sys.path.insert(0, str(checkout))
    gpu = torch.cuda.is_available()
    if "gpu_ids" in (checkout / "options" / "base_options.py").read_text(encoding="utf-8"):
        options = [*options, f"--gpu_ids={0 if gpu else -1}"]  # newer checkouts take the device from the launcher
    with TemporaryDirectory() as folder:
        sys.argv = ["train.py", "--dataroot=.", f"--checkpoints_dir={folder}", "--name=speed", *options]
        settings = import_module("options.train_options").TrainOptions().parse()
        settings.device = torch.device("cuda:0" if gpu else "cpu")
        model = import_module("models").create_model(settings)
        model.setup(settings)
    torch.manual_seed(0)
    shape = (settings.batch_size, 3, side, side)
    batch = {"A": torch.rand(shape) * 2 - 1, "B": torch.rand(shape) * 2 - 1, "A_paths": [], "B_paths": []}
    for _ in range(steps):
        model.set_input(batch)
        model.optimize_parameters()
        if gpu:
            torch.cuda.synchronize()
        print("step", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
