"""What a run cost and what it reached: `summary.json`, and one line for `training/LOG.md`."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.curves import Record
from training.record import versions
from training.run import Run, read_json, write_json

LOG_COLUMNS = ("date", "recipe", "data", "device", "cost", "scores of the best epoch", "the paper's")

_NO_SCORES = {"epoch", "step", "learning_rate", "images_per_second"}
_NO_SCORE_PANELS = ("loss/", "answer/", "accuracy/", "spread/")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run.

    Attributes:
        device, precision, processes: what computed it.
        seconds: wall-clock, over all parts of a resumed run.
        images_per_second: training images, evaluation not counted.
        peak_memory: bytes by kind, of this process.
        metric: the name of the score that chose the best epoch.
        best_epoch: counted from 1.
        records: of every epoch.
        facts: what else is worth keeping, e.g. "images" and "parameters".
    """

    device: str
    precision: str
    processes: int
    seconds: float
    images_per_second: float
    peak_memory: Mapping[str, int]
    metric: str
    best_epoch: int
    records: Sequence[Record]
    facts: Mapping[str, Any]


def write_summary(run: Run, outcome: Outcome) -> dict[str, Any]:
    """Write `summary.json` and return what is in it."""
    last = outcome.records[-1]
    best = next(record for record in outcome.records if record["epoch"] == outcome.best_epoch)
    summary = {
        "recipe": run.recipe.name,
        "title": run.recipe.title,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data": str(run.data) if run.data else run.recipe.data.source,
        "device": outcome.device,
        "precision": outcome.precision,
        "processes": outcome.processes,
        "wall_clock_s": round(outcome.seconds, 1),
        "images_per_s": round(outcome.images_per_second, 2),
        "peak_memory": dict(outcome.peak_memory),
        "epochs": last["epoch"],
        "steps": last["step"],
        "metric": outcome.metric,
        "best": {"epoch": best["epoch"], **_scores(best)},
        "final": {"epoch": last["epoch"], **_scores(last)},
        "paper": dict(run.recipe.paper),
        "versions": versions(),
        **outcome.facts,
    }
    write_json(run.summary, summary)
    return summary


def read_summary(folder: Path) -> dict[str, Any]:
    """A finished run's summary.

    Raises:
        TrainingError: the run is not finished, or the file is damaged.
    """
    return read_json(folder / "summary.json")


def log_line(summary: Mapping[str, Any]) -> str:
    """A row of the table in `training/LOG.md`."""
    images = summary.get("images", {})
    data = f"{summary['data']}, {' + '.join(str(split['images']) for split in images.values())}" if images else ""
    cost = (
        f"{summary['epochs']} epochs, {_duration(summary['wall_clock_s'])}, {summary['images_per_s']:.1f} images/s, "
        + ", ".join(f"{size / 2**30:.1f} GiB {kind[:-6]}" for kind, size in summary["peak_memory"].items())
    )
    processes = f" x {summary['processes']}" if summary["processes"] > 1 else ""
    precision = f", {summary['precision']}" if summary["precision"] != "no" else ""
    cells = (
        summary["finished"][:10],
        summary["recipe"],
        data or summary["data"],
        f"{summary['device']}{processes}{precision}",
        cost,
        f"epoch {summary['best']['epoch']}: " + _listed({k: v for k, v in summary["best"].items() if k != "epoch"}),
        _listed(summary["paper"]),
    )
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _scores(record: Record) -> Record:
    return {
        name: value
        for name, value in record.items()
        if name not in _NO_SCORES and not name.startswith(_NO_SCORE_PANELS)
    }


def _listed(values: Mapping[str, Any]) -> str:
    texts = {name: f"{value:.3f}" if isinstance(value, float) else str(value) for name, value in values.items()}
    return ", ".join(f"{name} {'-' if text == 'None' else text}" for name, text in texts.items()) or "-"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
