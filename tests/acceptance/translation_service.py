"""The translator service: twelve megapixels in tiles, with their seams and their memory; what serving costs."""

from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from imago.v1 import image_pb2, translator_pb2
from services.runtime.config import finish_config, read_config
from services.runtime.images import ImageLimits, decode, encode_jpeg
from services.translator.networks import read_translator
from services.translator.tiling import axis_weights, plan_grid
from tests.acceptance.figures import Figures
from tests.acceptance.served import MODELS, OUT, TIMEOUT_S, service
from tests.benchmarks.translate import measure
from training.render.maps import render_map_pair

MODEL = "aerial_to_map"
WIDTH, HEIGHT = 4000, 3000
TOWN = 1_000_000
"""The seed of a quarter of the town; the others mirror it."""
QUALITY = 95
GIB = 1 << 30

Profile = NDArray[np.float64]
"""The mean step from each line of pixels to the next, 0..255."""


def tiling(figures: Figures) -> None:
    """A town of twelve megapixels, sent and answered as JPEG."""
    quarter, _ = render_map_pair(TOWN, WIDTH // 2, HEIGHT // 2)
    town = np.pad(quarter, ((0, HEIGHT // 2), (0, WIDTH // 2), (0, 0)), mode="symmetric")
    request = translator_pb2.TranslateRequest(model=MODEL)
    request.image.encoded = encode_jpeg(town, QUALITY)
    request.output.format, request.output.quality = image_pb2.IMAGE_FORMAT_JPEG, QUALITY
    with service(MODEL) as one:
        answer = one.stub.Translate(request, timeout=TIMEOUT_S)
        peak = peak_memory(one.process.process.pid)
    made = decode(answer.image.encoded, ImageLimits()).pixels
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"town-{WIDTH}x{HEIGHT}.jpg").write_bytes(answer.image.encoded)
    figures.equal(f"{WIDTH} x {HEIGHT}: size of the answer", list(made.shape[:2]), [HEIGHT, WIDTH])
    seams = seam_lines()
    profiles = [_profile(made, axis) for axis in (0, 1)]
    across, inside = ([pick(lines, profile) for lines, profile in zip(seams, profiles, strict=True)]
                      for pick in (_at, _elsewhere))  # fmt: skip
    worst = max(float(np.max(steps)) for steps in across)
    figures.at_most(
        f"{WIDTH} x {HEIGHT}: greatest mean step across a seam as a share of the greatest elsewhere",
        worst / max(float(np.max(steps)) for steps in inside),
        1.2,
        seams=[len(lines) for lines in seams],
    )
    usual = max(float(np.mean(a) / np.mean(b)) for a, b in zip(across, inside, strict=True))
    figures.at_most(f"{WIDTH} x {HEIGHT}: mean step across seams as a share of that elsewhere", usual, 1.2)
    figures.at_most(f"{WIDTH} x {HEIGHT}: peak memory of the server, GiB", peak / GIB, 1.5)


def throughput(figures: Figures) -> None:
    """Images of 32 clients, and the bare loop at its best size of batch, interleaved."""
    rates = measure(MODELS, MODEL)
    medians = {arm: median(found) for arm, found in rates.images_per_s.items()}
    served = medians.pop("served")
    best = max(medians, key=lambda arm: medians[arm])
    figures.at_least(
        "images of 32 clients: service to bare loop",
        served / medians[best],
        0.9,
        best=best,
        images_per_s=rates.images_per_s,
        batches=rates.mean_batches,
    )


def seam_lines() -> tuple[set[int], set[int]]:
    """Rows and columns at which a tile begins or ends to count: a step from one of them to the next crosses a seam."""
    config = finish_config(read_config(MODELS / MODEL), MODELS / MODEL)
    frame = read_translator(config, "1").frame
    whole = (side + -side % frame.multiple for side in (HEIGHT, WIDTH))
    height, width = whole
    grid = plan_grid(height, width, tile=frame.tile, overlap=frame.overlap, multiple=frame.multiple)
    return _changes(grid.tops, grid.tile_height, frame.overlap), _changes(grid.lefts, grid.tile_width, frame.overlap)


def _changes(starts: tuple[int, ...], tile: int, overlap: int) -> set[int]:
    lines: set[int] = set()
    for start, weights in zip(starts, axis_weights(starts, tile, overlap), strict=True):
        counts = np.flatnonzero(weights > 0) + start
        inner = [line for line, outer in ((counts[0] - 1, starts[0] - 1), (counts[-1], starts[-1] + tile - 1))
                 if line != outer]  # fmt: skip
        lines |= {int(line) + near for line in inner for near in (-1, 0, 1)}
    return lines


def _profile(pixels: NDArray[np.uint8], axis: int) -> Profile:
    """Over rows (axis 0) or columns (axis 1): the mean size of the step to the next one."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis), np.float64)


def _at(lines: set[int], profile: Profile) -> Profile:
    return profile[[line for line in sorted(lines) if 0 <= line < len(profile)]]


def _elsewhere(lines: set[int], profile: Profile) -> Profile:
    return profile[[line for line in range(len(profile)) if line not in lines]]


def peak_memory(pid: int) -> int:
    """Most bytes that a process has held resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel does not tell the peak memory of process {pid}")
