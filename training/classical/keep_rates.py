"""What a Haar sweep did to a data set: the share of images kept, of all and of those with each attribute."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from training.classical.haar import Detection, Setting
from training.errors import TrainingError

Attributes = Mapping[str, frozenset[str]]
"""Names of images by an attribute that is true of them."""

_FEWEST = 10
"""Images that have an attribute: of fewer the share kept says nothing."""


@dataclass(frozen=True, slots=True)
class KeepRate:
    """What one setting keeps.

    Attributes:
        images: that were searched.
        kept: images with a face.
        several: images with more than one.
        median_ms: time of one search.
        by_attribute: share kept of the images that have the attribute, 0..1.
    """

    setting: Setting
    images: int
    kept: int
    several: int
    median_ms: float
    by_attribute: Mapping[str, float]

    @property
    def share(self) -> float:
        return self.kept / self.images if self.images else 0.0


def read_attributes(file: Path) -> dict[str, frozenset[str]]:
    """CelebA's `list_attr_celeba.txt` (a count, the names, then a line for each image) or the same as CSV.

    Raises:
        TrainingError: the file is missing, or a line has another number of values than there are names.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TrainingError(f"{file}: {error.strerror}") from None
    comma = bool(lines) and "," in lines[0]
    rows = [line.split(",") if comma else line.split() for line in lines if line.strip()]
    if rows and len(rows[0]) == 1 and rows[0][0].isdigit():
        rows = rows[1:]
        rows[:1] = [["image_id", *row] for row in rows[:1]]
    if len(rows) < 2:
        raise TrainingError(f"{file}: holds no attributes")
    names = rows[0][1:]
    true: dict[str, set[str]] = {name: set() for name in names}
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(names) + 1:
            raise TrainingError(f"{file}, image {number}: has {len(row) - 1} values for {len(names)} attributes")
        for name, value in zip(names, row[1:], strict=True):
            if value.strip() == "1":
                true[name].add(row[0])
    return {name: frozenset(images) for name, images in true.items()}


def keep_rates(detections: Sequence[Detection], attributes: Attributes) -> list[KeepRate]:
    """One row for each setting, in ascending order."""
    by_setting: dict[Setting, list[Detection]] = {}
    for each in detections:
        by_setting.setdefault(each.setting, []).append(each)
    return [_keep_rate(setting, by_setting[setting], attributes) for setting in sorted(by_setting)]


def _keep_rate(setting: Setting, found: Sequence[Detection], attributes: Attributes) -> KeepRate:
    kept = {each.image for each in found if each.faces}
    searched = {each.image for each in found}
    shares = {}
    for name, images in attributes.items():
        with_it = images & searched
        if len(with_it) >= _FEWEST:
            shares[name] = len(with_it & kept) / len(with_it)
    several = sum(each.faces > 1 for each in found)
    return KeepRate(setting, len(searched), len(kept), several, median(each.ms for each in found), shares)


def write_rates(rates: Sequence[KeepRate], file: Path) -> None:
    """The table as CSV: a column for each attribute."""
    names = list(dict.fromkeys(name for rate in rates for name in rate.by_attribute))
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        heading = ["min_size", "scale_factor", "min_neighbours", "images", "kept", "keep_rate", "several", "median_ms"]
        table.writerow(heading + names)
        for rate in rates:
            setting = rate.setting
            row = (setting.min_size, setting.scale_factor, setting.min_neighbours, rate.images, rate.kept)
            measured = (f"{rate.share:.4f}", rate.several, f"{rate.median_ms:.2f}")
            table.writerow([*row, *measured] + [f"{rate.by_attribute.get(name, float('nan')):.4f}" for name in names])


def draw_rates(rates: Sequence[KeepRate], chosen: KeepRate, title: str, file: Path) -> None:
    """Share kept against `min_neighbours`, and for the chosen setting by attribute, as a PNG."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    figure.suptitle(title)
    lines, bars = figure.subplots(1, 2)
    for min_size, factor in sorted({(rate.setting.min_size, rate.setting.scale_factor) for rate in rates}):
        same = [r for r in rates if (r.setting.min_size, r.setting.scale_factor) == (min_size, factor)]
        label = f"least side {min_size}, scale factor {factor:g}"
        lines.plot([r.setting.min_neighbours for r in same], [r.share for r in same], marker="o", label=label)
    lines.set(xlabel="least neighbours", ylabel="share of images kept", ylim=(0, 1.02))
    lines.legend(fontsize="small")
    shares = sorted(chosen.by_attribute.items(), key=lambda item: item[1])
    bars.barh([name.replace("_", " ") for name, _ in shares], [share for _, share in shares], color="#4c78a8")
    bars.axvline(chosen.share, color="#d62728", label=f"all images: {chosen.share:.2f}")
    setting = chosen.setting
    bars.set(title=f"kept at {setting.min_size}, {setting.scale_factor:g}, {setting.min_neighbours}", xlim=(0, 1.02))
    bars.legend(fontsize="small", loc="lower right")
    for panel in (lines, bars):
        panel.grid(alpha=0.3)
    figure.savefig(file, format="png", dpi=100)
