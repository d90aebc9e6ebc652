"""A comparison of detectors as Markdown, CSV and a picture, beside what the paper claims."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.compare import Comparison, Model, Timing

INCLUDED = (
    "A call takes letterboxed bytes (uint8) and gives candidates: normalising and the decoding of boxes are included; "
    "opening images, letterboxing and suppression are not. A Faster R-CNN suppresses inside, so there it is included."
)
CLAIMS = """\
- "YOLOv5 20 times faster than Faster R-CNN in a CPU only environment": {ratios}
- "2 ms on a 640 pixels image, 500 frames per second" (YOLOv5s, V100): that is the time per image of a batch of 32 in
  half precision; one image alone takes 6.4 ms there, 156 images/s, by the same authors' table. {throughput}
"""
SCORES = ("mAP50", "mAP50-95")


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write `comparison.md`, `comparison.csv` and `comparison.png` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "comparison.md").write_text(markdown(comparison), encoding="utf-8")
    with (folder / "comparison.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(_rows(comparison))
    _draw(comparison, folder / "comparison.png")


def markdown(comparison: Comparison) -> str:
    """The page's text: models, timings, and the paper's claims beside them."""
    effort = comparison.effort
    how = (
        f"{comparison.machine}; {comparison.software}. All rows take turns in one run: {effort.rounds} turns of "
        f"{effort.turn_s:g} s each after a warm-up; p50 and p95 are of single calls, divided by the batch. {INCLUDED}"
    )
    models = _table(("model", "px", "weights, millions", "ONNX file, MB", *SCORES), _model_rows(comparison.models))
    timings = _table(
        ("model", "engine", "precision", "batch", "p50, ms per image", "p95", "images/s", "calls"),
        _timing_rows(comparison.timings),
    )
    claims = CLAIMS.format(ratios=_ratios(comparison), throughput=_throughput(comparison.timings))
    parts = ("![Time per image](comparison.png)", models, timings, how, "Beside the paper's claims:\n\n" + claims)
    return "# Detectors compared\n\n" + "\n\n".join(parts)


def _model_rows(models: Iterable[Model]) -> Iterator[Sequence[str]]:
    for model in models:
        scores = (f"{model.scores[name]:.3f}" if name in model.scores else "-" for name in SCORES)
        yield model.name, str(model.size), f"{model.parameters / 1e6:.2f}", f"{model.file_bytes / 1e6:.1f}", *scores


def _timing_rows(timings: Iterable[Timing]) -> Iterator[Sequence[str]]:
    for t in timings:
        numbers = (f"{t.p50_ms:.2f}", f"{t.p95_ms:.2f}", f"{1000 / t.p50_ms:.1f}", str(t.calls))
        yield t.model, t.engine, t.precision, str(t.batch), *numbers


def _ratios(comparison: Comparison) -> str:
    """How many times faster each model is than each Faster R-CNN, one image at a time, in the same engine."""
    two_stage = {model.name for model in comparison.models if model.two_stage}
    alone = {(t.model, t.engine, t.precision): t.p50_ms for t in comparison.timings if t.batch == 1}
    found = [
        f"{model} {alone[slow, engine, precision] / ms:.1f} times faster than {slow} ({engine}, {precision})"
        for (model, engine, precision), ms in alone.items()
        for slow in sorted(two_stage)
        if model not in two_stage and (slow, engine, precision) in alone
    ]
    return "; ".join(found) + "." if found else "no Faster R-CNN was compared."


def _throughput(timings: Sequence[Timing]) -> str:
    """The fastest row of the largest batch."""
    largest = max(t.batch for t in timings)
    best = min((t for t in timings if t.batch == largest), key=lambda t: t.p50_ms)
    return (
        f"Here the fastest is {best.model} with {best.p50_ms:.2f} ms, {1000 / best.p50_ms:.0f} images/s "
        f"({best.engine}, {best.precision}, batch {best.batch})."
    )


def _rows(comparison: Comparison) -> Iterator[Sequence[object]]:
    yield ("model", "px", "parameters", "file_bytes", *SCORES, "engine", "precision", "batch", "p50_ms_per_image",
           "p95_ms_per_image", "images_per_s", "calls")  # fmt: skip
    models = {model.name: model for model in comparison.models}
    for t in comparison.timings:
        model = models[t.model]
        about = (model.name, model.size, model.parameters, model.file_bytes)
        scores = (model.scores.get(name, "") for name in SCORES)
        numbers = (round(t.p50_ms, 4), round(t.p95_ms, 4), round(1000 / t.p50_ms, 3), t.calls)
        yield *about, *scores, t.engine, t.precision, t.batch, *numbers


def _draw(comparison: Comparison, file: Path) -> None:
    """Bars of the time of one image alone; beside them scores against time, where there are scores."""
    scored = [model for model in comparison.models if SCORES[1] in model.scores]
    figure = Figure(figsize=(11 if scored else 7, 1.5 + 0.8 * len(comparison.models)), layout="constrained")
    panels = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
    _bars(panels[0], comparison)
    if scored:
        _points(panels[1], comparison, scored)
    figure.savefig(file, format="png", dpi=100)


def _bars(panel: Axes, comparison: Comparison) -> None:
    names = [model.name for model in comparison.models]
    alone = [t for t in comparison.timings if t.batch == min(comparison.effort.batches)]
    engines = list(dict.fromkeys((t.engine, t.precision) for t in alone))
    thickness = 0.8 / len(engines)
    for place, (engine, precision) in enumerate(engines):
        own = [t for t in alone if (t.engine, t.precision) == (engine, precision)]
        heights = [names.index(t.model) + place * thickness for t in own]
        panel.barh(heights, [t.p50_ms for t in own], thickness, label=f"{engine}, {precision}")
    panel.set_yticks([row + 0.4 - thickness / 2 for row in range(len(names))], names)
    panel.invert_yaxis()
    panel.set(xscale="log", xlabel=f"ms per image, batch {min(comparison.effort.batches)}")
    panel.grid(axis="x", alpha=0.3)
    panel.legend(fontsize="small")


def _points(panel: Axes, comparison: Comparison, scored: Sequence[Model]) -> None:
    for model in scored:
        fastest = min(t.p50_ms for t in comparison.timings if t.model == model.name)
        panel.plot(fastest, model.scores[SCORES[1]], "o")
        panel.annotate(model.name, (fastest, model.scores[SCORES[1]]), (6, 4), textcoords="offset points", fontsize=8)
    panel.set(xscale="log", xlabel="ms per image, fastest row", ylabel=SCORES[1], ylim=(0, 1))
    panel.margins(x=0.3)
    panel.grid(alpha=0.3)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
