from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from training.__main__ import application
from training.classical.haar import DETECTIONS, Setting, Sweep, grid
from training.classical.keep_rates import keep_rates, read_attributes
from training.classical.portraits import ATTRIBUTES_FILE, write_portraits
from training.errors import TrainingError

SETTINGS = grid([50], [1.05, 1.2], [3, 10, 20])


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portraits")
    assert len(list(write_portraits(folder, 24, seed=1))) == 24
    return folder


def swept(folder: Path, out: Path) -> Sweep:
    sweep = Sweep(folder, SETTINGS, out)
    assert sum(sweep.run(workers=1)) == sweep.images
    return sweep


def test_more_neighbours_never_keep_more_images(portraits: Path, tmp_path: Path) -> None:
    """The grouping threshold only removes hits, so the share kept falls with it, exactly."""
    rates = {rate.setting: rate.share for rate in keep_rates(swept(portraits, tmp_path).detections(), {})}
    for factor in (1.05, 1.2):
        shares = [rates[Setting(50, factor, neighbours)] for neighbours in (3, 10, 20)]
        assert shares == sorted(shares, reverse=True)
    assert rates[Setting(50, 1.05, 3)] >= 0.7  # portraits of the renderer are faces to a cascade; measured 0.95


def test_a_sweep_that_was_cut_off_goes_on_and_ends_the_same(portraits: Path, tmp_path: Path) -> None:
    whole = swept(portraits, tmp_path / "whole").detections()
    table = tmp_path / "cut" / DETECTIONS
    swept(portraits, tmp_path / "cut")
    text = table.read_text()
    table.write_text(text[: len(text) // 2])  # in the middle of a line
    again = Sweep(portraits, SETTINGS, tmp_path / "cut")
    counts = list(again.run(workers=2))
    assert 0 < counts[0] < again.images
    assert sum(counts) == again.images
    without_time = [(each.image, each.setting, each.faces, each.edges) for each in again.detections()]
    assert without_time == [(each.image, each.setting, each.faces, each.edges) for each in whole]


def test_shares_are_told_by_attribute_in_both_formats_of_the_list(portraits: Path, tmp_path: Path) -> None:
    attributes = read_attributes(portraits / ATTRIBUTES_FILE)
    rows = [row.split(",") for row in (portraits / ATTRIBUTES_FILE).read_text().splitlines()]
    celeba = tmp_path / "list_attr_celeba.txt"
    celeba.write_text(
        f"{len(rows) - 1}\n{' '.join(rows[0][1:])}\n" + "".join("  ".join(row) + "\n" for row in rows[1:])
    )
    assert read_attributes(celeba) == attributes
    (rate, *_) = keep_rates(swept(portraits, tmp_path).detections(), {"all": attributes["Smiling"] | {"no such.png"}})
    smiling = attributes["Smiling"]
    kept = {
        each.image for each in swept(portraits, tmp_path).detections() if each.setting == rate.setting and each.faces
    }
    expected = {"all": len(smiling & kept) / len(smiling)} if len(smiling) >= 10 else {}
    assert rate.by_attribute == pytest.approx(expected)


def test_the_command_writes_tables_curves_and_crops(portraits: Path, tmp_path: Path) -> None:
    broken = tmp_path / "faces"
    broken.mkdir()
    for file in sorted(portraits.glob("*.png"))[:4]:
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "zero.png").write_bytes(b"")
    options = ["--scale-factor=1.05", "--min-neighbours=3", "--min-size=50", "--workers=1"]
    command = ["haar-sweep", str(broken), f"--out={tmp_path / 'out'}", f"--crops={tmp_path / 'crops'}", *options]
    result = CliRunner().invoke(application(), command)
    assert result.exit_code == 0, result.output
    assert f"skipped {broken / 'zero.png'}" in result.stderr
    crops = list((tmp_path / "crops").glob("*.jpg"))
    assert 1 <= len(crops) <= 4
    assert all(cv2.imread(str(crop)).shape[0] >= 50 for crop in crops)  # type: ignore[union-attr]
    for name in ("sweep.csv", "sweep.png", "smallest.png", DETECTIONS):
        assert (tmp_path / "out" / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scale-factor=1.0"], "--scale-factor is 1; it must be in 1.01..4"),
        (["--min-size=0"], "--min-size is 0; it must be at least 1"),
        (["nowhere"], "nowhere: there is no such folder"),
    ],
)
def test_what_a_sweep_cannot_use_is_named(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    if arguments != ["nowhere"]:
        arguments = [str(tmp_path), *arguments]
    result = CliRunner().invoke(application(), ["haar-sweep", *arguments, f"--out={tmp_path / 'out'}"])
    assert isinstance(result.exception, TrainingError)
    assert str(result.exception) == sentence


def test_lists_that_do_not_fit_are_named_with_the_image(tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("image_id,A,B\n1.jpg,1,-1\n2.jpg,1\n")
    with pytest.raises(TrainingError, match=r"list\.csv, image 2: has 1 values for 2 attributes"):
        read_attributes(listed)
    with pytest.raises(TrainingError, match="No such file"):
        read_attributes(tmp_path / "missing.csv")
