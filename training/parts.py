"""Small parts that every training loop needs: randomness, devices, finite losses, interruption, a progress bar."""

import signal
from collections.abc import Iterable, Mapping
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import reduce
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch import Tensor

from training import recipe
from training.errors import TrainingError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def build_accelerator(loop: recipe.Loop) -> Accelerator:
    """The device, the processes that `torchrun` started, and the precision.

    Raises:
        TrainingError: this device does not compute in that precision.
    """
    no_gpu = not torch.accelerator.is_available()
    if no_gpu and loop.precision == "fp16":  # accelerate would compute in float32 and say nothing
        raise TrainingError("loop.precision = 'fp16' needs a GPU; a CPU computes in 'no' or 'bf16'")
    try:
        # told that there is no GPU, accelerate joins the processes; else each would believe to be alone
        return Accelerator(mixed_precision=loop.precision, cpu=no_gpu)
    except ValueError as error:
        raise TrainingError(f"loop.precision = {loop.precision!r}: {error}") from None


def mix(*numbers: int) -> int:
    """One seed out of several numbers, each of which changes all of it; 0..2**63-1."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def seed_step(seed: int, step: int, process: int = 0) -> None:
    """Make what a step draws (dropout, samples of regions) a function of its number."""
    torch.manual_seed(mix(seed, step, process))


def require_finite(losses: Mapping[str, Tensor], step: int, files: Iterable[str]) -> dict[str, float]:
    """The losses as numbers.

    Args:
        losses: scalars by name.
        step: counted from 0.
        files: of the batch.

    Raises:
        TrainingError: a loss is infinite or not a number; the sentence has the step and the files.
    """
    values = dict(zip(losses, torch.stack([loss.detach().float() for loss in losses.values()]).tolist(), strict=True))
    wrong = [f"{name} = {value}" for name, value in values.items() if not np.isfinite(value)]
    if wrong:
        raise TrainingError(
            f"step {step + 1}: {', '.join(wrong)}: training stopped; the batch was {', '.join(files)} "
            "(a smaller optimiser.learning_rate or loop.clip_norm often helps)"
        )
    return values


def mean_over_processes(values: Mapping[str, float], accelerator: Accelerator) -> dict[str, float]:
    """Numbers by name, which every process has, averaged."""
    if accelerator.num_processes == 1 or not values:
        return dict(values)
    mine = torch.tensor(list(values.values()), dtype=torch.float32, device=accelerator.device)
    return dict(zip(values, reduce(mine, reduction="mean").tolist(), strict=True))


class Interruption:
    """Turns Ctrl-C and SIGTERM into a flag, so that a step is never cut in two. A second one stops at once."""

    def __init__(self) -> None:
        self._requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self._requested = True
        for other, handler in self._before.items():
            signal.signal(other, handler)

    def agreed(self, accelerator: Accelerator) -> bool:
        """Whether any process was asked to stop; all of them get the same answer, at the same step."""
        if accelerator.num_processes == 1:
            return self._requested
        asked: Any = reduce(torch.tensor(float(self._requested), device=accelerator.device), reduction="sum")
        return bool(asked.item() > 0)


class Progress:
    """A bar on a terminal, and one line for each epoch everywhere."""

    def __init__(self, steps: int, *, shown: bool) -> None:
        self._console = Console(quiet=not shown)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (shown and self._console.is_terminal),
        )
        self._task = self._bar.add_task("training", total=steps)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.__exit__(kind, error, at)

    def advance(self, done: int, values: Mapping[str, float]) -> None:
        """Steps done, and of the last one's values the losses."""
        shown = "  ".join(f"{name} {value:.3f}" for name, value in values.items() if "/" not in name)
        self._bar.update(self._task, completed=done, description=shown)

    def say(self, record: Mapping[str, Any]) -> None:
        """One epoch's record in one line."""
        numbers = {name: value for name, value in record.items() if name not in ("epoch", "step", "learning_rate")}
        shown = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items() if value is not None)
        self._console.print(f"epoch {record['epoch']}: {shown}", highlight=False, soft_wrap=True)
