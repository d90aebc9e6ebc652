"""What a run writes down: its metrics while it goes, its cost and its results at the end."""

import json
import platform
import resource
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from training.curves import Record, draw_curves, read_metrics
from training.run import Run


class MetricsLog:
    """Metrics of each epoch to `metrics.jsonl`, to TensorBoard, and into one picture."""

    def __init__(self, run: Run, epochs_done: int) -> None:
        """Begin, or go on after `epochs_done`: lines of later epochs, which a crash left, are dropped."""
        self._run = run
        known = read_metrics(run.metrics) if run.metrics.exists() else []
        self.records: list[Record] = [record for record in known if record["epoch"] <= epochs_done]
        run.metrics.write_text("".join(_line(record) for record in self.records), encoding="utf-8")
        purge = self.records[-1]["step"] + 1 if self.records else None
        self._tensorboard = SummaryWriter(str(run.folder / "tensorboard"), purge_step=purge)

    def add(self, record: Record) -> None:
        """Take down one epoch: "epoch", "step" and values by name; None where there is no value."""
        self.records.append(record)
        with self._run.metrics.open("a", encoding="utf-8") as file:
            file.write(_line(record))
        for name, value in record.items():
            if value is not None and name not in ("epoch", "step"):
                self._tensorboard.add_scalar(name, value, record["step"])

    def draw(self) -> None:
        """The picture of all epochs so far."""
        draw_curves(self.records, self._run.recipe.title, self._run.folder / "curves.png")

    def close(self) -> None:
        self._tensorboard.close()


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record) + "\n"


def device_name(device: torch.device) -> str:
    """What people call it, e.g. "NVIDIA H200" or "AMD EPYC 7763, 2 threads"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def peak_memory(device: torch.device) -> dict[str, int]:
    """Most bytes that this process held: resident, and on the GPU where one is used."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if device.type == "cuda":
        peak["cuda_bytes"] = torch.cuda.max_memory_allocated(device)
    return peak


def versions() -> dict[str, str]:
    """What the run was computed with."""
    packages = ("torch", "torchvision", "numpy", "opencv-python")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
