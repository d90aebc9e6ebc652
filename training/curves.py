"""The curves of a run, or one kind of curve of several runs, as one picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.errors import TrainingError

Record = dict[str, Any]
"""One epoch: "epoch", "step", and metrics by name; "loss/box" belongs to the panel "loss"."""

_LEFT_OUT = {"epoch", "step", "seconds"}
_COLUMNS = 3


def read_metrics(file: Path) -> list[Record]:
    """The lines of a `metrics.jsonl`, one record for each epoch.

    Raises:
        TrainingError: a line is no JSON object; the sentence names file and line.
    """
    records: list[Record] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            records.append(dict(json.loads(line)))
        except (ValueError, TypeError):
            raise TrainingError(f"{file}, line {number}: is no JSON object") from None
    return records


def draw_curves(records: Sequence[Record], title: str, file: Path) -> None:
    """One panel for each group of metrics, over the epochs, as a PNG."""
    groups: dict[str, list[str]] = {}
    for name in _known(records):
        groups.setdefault(_group(name), []).append(name)
    panels = [(group.replace("_", " "), records, names) for group, names in groups.items()]
    _draw(panels, title, file)


def compare_curves(runs: Mapping[str, Sequence[Record]], group: str, file: Path) -> None:
    """One panel for each run with the metrics of one group, as a PNG.

    Args:
        runs: records of each epoch by what its panel is to be called.
        group: what stands before the "/" of the metrics, e.g. "loss", or the name of one without.
        file: where it goes.

    Raises:
        TrainingError: a run has no such metrics; the sentence names the groups that it has.
    """
    panels = []
    for title, records in runs.items():
        known = _known(records)
        names = [name for name in known if _group(name) == group]
        if not names:
            groups = ", ".join(dict.fromkeys(map(_group, known)))
            raise TrainingError(f"{title} has no curves of '{group}'; it has {groups}")
        panels.append((title, records, names))
    _draw(panels, group.replace("_", " "), file)


def _known(records: Sequence[Record]) -> list[str]:
    """The names of metrics that have a value somewhere."""
    names = (name for record in records for name, value in record.items() if value is not None)
    return [name for name in dict.fromkeys(names) if name not in _LEFT_OUT]


def _draw(panels: Sequence[tuple[str, Sequence[Record], Sequence[str]]], title: str, file: Path) -> None:
    """Panels of (title, records, names of metrics), three beside each other."""
    rows = max(1, -(-len(panels) // _COLUMNS))
    width, height = 4.2 * _COLUMNS, 0.4 + 2.9 * rows  # inches; matplotlib's own layouts take twice the time
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(0.6 / width, 0.5 / height, 1 - 0.2 / width, 1 - 0.8 / height, wspace=0.18, hspace=0.35)
    figure.suptitle(title, y=1 - 0.2 / height, va="center")
    for place, (name, records, metrics) in enumerate(panels, 1):
        _draw_panel(figure.add_subplot(rows, _COLUMNS, place), name, records, metrics)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}")
    figure.savefig(partial, format="png", dpi=100)
    partial.replace(file)


def _draw_panel(panel: Axes, title: str, records: Sequence[Record], names: Sequence[str]) -> None:
    seen = [0.0]
    for name in names:
        points = [(record["epoch"], record[name]) for record in records if record.get(name) is not None]
        panel.plot(*zip(*points, strict=True), marker=".", label=name.partition("/")[2] or name)
        seen += [value for _, value in points]
    panel.set_title(title)
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_ylim(1.05 * min(seen), 1.05 * max(seen) or 1)  # cut off above 0, noise would look like cliffs
    panel.grid(alpha=0.3)
    if len(names) > 1:
        panel.legend(fontsize="small")


def _group(name: str) -> str:
    """What stands before the "/"; "mAP50" and "mAP50-95" share a panel."""
    group, slash, _ = name.partition("/")
    return group if slash else group.rstrip("0123456789-")
