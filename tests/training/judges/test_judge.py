"""A judge is trained where there is none, kept, and says what images are."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from tests.training.data.class_sets import picture
from training.checkpoint import read_weights
from training.errors import TrainingError
from training.judges.judge import TrainedJudge, judge_of, load_judge
from training.judges.training import fit_judge
from training.parts import build_accelerator
from training.recipe import Judge, Recipe, load_recipe
from training.run import Run

COLOURS = {"red": (220, 40, 30), "green": (40, 200, 60), "blue": (30, 60, 220)}
TINY = {
    "data.classes": '["red", "green", "blue"]',
    "data.width": "16",
    "data.height": "16",
    "model.size": "16",
    "model.options.width": "8",
    "optimiser.learning_rate": "0.01",
    "optimiser.schedule": '"constant"',
    "loop.batch": "12",
    "loop.epochs": "6",
}


@pytest.fixture
def accelerator() -> Accelerator:
    return build_accelerator(tiny().loop)


def tiny(**changes: str) -> Recipe:
    return load_recipe("judge-fruits", smoke=True, changes=TINY | changes)


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """A class for each colour, somewhat different each time."""
    for label, (red, green, blue) in COLOURS.items():
        for number in range(10):
            picture(tmp_path / "set" / label / f"{number}.png", (red + number, green - number, blue + number))
    return tmp_path / "set"


@pytest.fixture
def trained(tmp_path: Path, colours: Path, accelerator: Accelerator) -> TrainedJudge:
    fit_judge(Run(tiny(), tmp_path / "judge", data=colours), accelerator)
    return load_judge(tmp_path / "judge")


def test_a_judge_knows_images_that_it_has_not_seen(trained: TrainedJudge) -> None:
    assert trained.accuracy == 1.0
    images = torch.tensor(list(COLOURS.values())).view(3, 3, 1, 1).expand(3, 3, 40, 40) / 127.5 - 1
    said = trained.probabilities(images)  # of another size than it was trained on
    assert said.argmax(1).tolist() == [0, 1, 2]
    assert torch.allclose(said.sum(1), torch.ones(3))  # float32 rounding
    features = trained.features(images)
    assert features.shape == (3, trained.network.dimensions)
    alone = trained.features(images[1:2])
    assert torch.allclose(alone, features[1:2], rtol=1e-4, atol=1e-5)  # other batch sizes may add in another order
    assert trained.probabilities(images[:0]).shape == (0, 3)
    with pytest.raises(TrainingError, match="a judge of images with 3 channels was given 1"):
        trained.probabilities(images[:, :1])


def test_a_resumed_run_gives_the_same_weights(tmp_path: Path, colours: Path, accelerator: Accelerator) -> None:
    fit_judge(Run(tiny(**{"loop.epochs": "2"}), tmp_path / "straight", data=colours), accelerator)
    fit_judge(Run(tiny(**{"loop.epochs": "1"}), tmp_path / "parts", data=colours), accelerator)
    fit_judge(Run(tiny(**{"loop.epochs": "2"}), tmp_path / "parts", data=colours, resume=True), accelerator)
    straight, parts = (
        read_weights(next((tmp_path / name / "checkpoints").glob("step-*")) / "judge.safetensors")
        for name in ("straight", "parts")
    )
    assert all(torch.equal(straight[name], parts[name]) for name in straight)


def test_a_judge_is_trained_once_and_then_reused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], accelerator: Accelerator
) -> None:
    monkeypatch.chdir(tmp_path)
    before = torch.random.get_rng_state()
    judge = judge_of(Judge(recipe="judge-digits-smoke"), accelerator)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert judge.classes == tuple("0123456789")
    assert "no judge is in build/runs/judge-digits-smoke yet: it is trained first" in capsys.readouterr().err
    written = (tmp_path / "build/runs/judge-digits-smoke/best.safetensors").stat().st_mtime_ns
    again = judge_of(Judge(recipe="judge-digits-smoke"))
    assert (tmp_path / "build/runs/judge-digits-smoke/best.safetensors").stat().st_mtime_ns == written
    assert capsys.readouterr() == ("", "")
    images = torch.rand(2, 1, 28, 28) * 2 - 1
    assert torch.equal(again.probabilities(images), judge.probabilities(images))


def test_a_judge_that_was_trained_with_other_settings_is_taken_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], colours: Path,
    accelerator: Accelerator,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    folder = Path("build/runs/judge-fruits-smoke")
    fit_judge(Run(tiny(), folder, data=colours), accelerator)
    capsys.readouterr()
    assert judge_of(Judge(recipe="judge-fruits-smoke")).classes == ("red", "green", "blue")
    told = capsys.readouterr().err
    assert f"note: the judge in {folder} was trained with data.classes = ['red', 'green', 'blue'], where its" in told
    assert "`python -m training judge-fruits` trains it anew" in told


def test_what_is_no_judge_is_refused() -> None:
    with pytest.raises(
        TrainingError, match=r"judge\.recipe = 'mask-compact': it trains a 'compact', which is no judge"
    ):
        judge_of(Judge(recipe="mask-compact"))
    with pytest.raises(TrainingError, match="there is no recipe 'judge-cats'"):
        judge_of(Judge(recipe="judge-cats-smoke"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model.name": "judge-vgg"}, "there is no judge 'judge-vgg'; there are judge, judge-resnet18"),
        ({"model.options.depth": "3"}, "'judge' has blocks, width, whole numbers from 1 on"),
        ({"model.options.width": "0"}, "'judge' has blocks, width, whole numbers from 1 on"),
        ({"model.name": "judge-resnet18"}, "'judge-resnet18' has none"),
        ({"model.size": "8"}, "model.size = 8: a judge needs images of at least 16 pixels"),
    ],
)
def test_a_wrong_field_is_named(
    tmp_path: Path, colours: Path, accelerator: Accelerator, changes: dict[str, str], complaint: str
) -> None:
    with pytest.raises(TrainingError, match=complaint):
        fit_judge(Run(tiny(**changes), tmp_path / "judge", data=colours), accelerator)
