"""Measures what forged images cost the decoder: the time of each call, and how far the process grows during it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from services.runtime.errors import InvalidInput
from services.runtime.images import ImageLimits, decode
from tests.acceptance.figures import Figures
from tests.imagezoo.bombs import bombs
from tests.imagezoo.zoo import ZooImage

MOST_SECONDS = 0.05
MOST_GROWTH_MIB = 64.0


@dataclass(frozen=True)
class BombResult:
    """What one file cost. `refused` tells whether the expected sentence came."""

    name: str
    file_bytes: int
    seconds: float
    growth_mib: float
    refused: bool


def measure(decode: Callable[[bytes], object], files: Iterable[ZooImage] | None = None) -> list[BombResult]:
    """Decode every forged file once and watch this process."""
    return [_measure_one(decode, bomb) for bomb in (bombs() if files is None else files)]


def image_bombs(figures: Figures) -> None:
    """Twenty forged files, refused by our decoder from their headers."""
    results = measure(lambda data: decode(data, ImageLimits()))
    slowest = max(results, key=lambda result: result.seconds)
    largest = max(results, key=lambda result: result.growth_mib)
    figures.equal("forged images refused", sum(result.refused for result in results), 20)
    figures.at_most("slowest refusal of a forged image, s", slowest.seconds, MOST_SECONDS, file=slowest.name)
    figures.at_most("growth at a forged image, MiB", largest.growth_mib, MOST_GROWTH_MIB, file=largest.name)


def _measure_one(decode: Callable[[bytes], object], bomb: ZooImage) -> BombResult:
    # The kernel's own high-water mark, reset before the call: no peak falls between two samples.
    Path("/proc/self/clear_refs").write_text("5")
    before, refused, start = _memory_mib("VmRSS"), False, perf_counter()
    try:
        decode(bomb.data)
    except InvalidInput as error:
        refused = re.search(bomb.refusal, str(error)) is not None
    seconds = perf_counter() - start
    return BombResult(bomb.name, len(bomb.data), seconds, max(0.0, _memory_mib("VmHWM") - before), refused)


def _memory_mib(field: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024
