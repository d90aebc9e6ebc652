"""The curves of a run as one picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    known = (name for record in records for name, value in record.items() if value is not None)
    for name in dict.fromkeys(name for name in known if name not in _LEFT_OUT):
        groups.setdefault(_group(name), []).append(name)
    rows = max(1, -(-len(groups) // _COLUMNS))
    width, height = 4.2 * _COLUMNS, 0.4 + 2.9 * rows  # inches; matplotlib's own layouts take twice the time
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(0.6 / width, 0.5 / height, 1 - 0.2 / width, 1 - 0.8 / height, wspace=0.18, hspace=0.35)
    figure.suptitle(title, y=1 - 0.2 / height, va="center")
    for place, (group, names) in enumerate(groups.items(), 1):
        panel = figure.add_subplot(rows, _COLUMNS, place)
        seen = [0.0]
        for name in names:
            points = [(r["epoch"], r[name]) for r in records if r.get(name) is not None]
            panel.plot(*zip(*points, strict=True), marker=".", label=name.partition("/")[2] or name)
            seen += [value for _, value in points]
        panel.set_title(group.replace("_", " "))
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_ylim(1.05 * min(seen), 1.05 * max(seen) or 1)  # cut off above 0, noise would look like cliffs
        panel.grid(alpha=0.3)
        if len(names) > 1:
            panel.legend(fontsize="small")
    partial = file.with_name(f".{file.name}")
    figure.savefig(partial, format="png", dpi=100)
    partial.replace(file)


def _group(name: str) -> str:
    """What stands before the "/"; "mAP50" and "mAP50-95" share a panel."""
    group, slash, _ = name.partition("/")
    return group if slash else group.rstrip("0123456789-")
