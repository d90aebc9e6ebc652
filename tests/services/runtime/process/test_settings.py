from pathlib import Path

import pytest
from pydantic import Field

from services.runtime.process.settings import ProcessSettings, load


class Settings(ProcessSettings):
    model_repository: list[Path]
    """Folders of models."""
    load_model: list[str] = Field(default_factory=list)
    """Models to load."""


def read(*argv: str) -> Settings:
    return load(Settings, ("--model-repository=/models", *argv), prog="imago-test", description="Tests.")


def complaint(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as caught:
        load(Settings, argv, prog="imago-test", description="Tests.")
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_flag_beats_the_environment_and_the_environment_beats_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read().grpc_port == 8001
    monkeypatch.setenv("IMAGO_GRPC_PORT", "9000")
    assert read().grpc_port == 9000
    assert read("--grpc-port=9001").grpc_port == 9001


def test_a_switch_is_turned_off_by_its_no_form_or_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read().reflection
    assert not read("--no-reflection").reflection
    monkeypatch.setenv("IMAGO_REFLECTION", "false")
    assert not read().reflection


def test_a_list_is_repeated_flags_or_one_value_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGO_LOAD_MODEL", "hog, haar")
    settings = read("--model-repository=/more", "--model-repository=/a,/b")
    assert settings.model_repository == [Path("/models"), Path("/more"), Path("/a"), Path("/b")]
    assert settings.load_model == ["hog", "haar"]
    assert read("--load-model", "mmod").load_model == ["mmod"]


def test_a_value_out_of_range_is_one_line_that_names_flag_variable_and_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = complaint(capsys, "--model-repository=/m", "--grpc-port=99999")
    assert line == ("imago-test: --grpc-port (IMAGO_GRPC_PORT) is '99999': Input should be less than or equal to 65535")
    monkeypatch.setenv("IMAGO_LOG_FORMAT", "xml")
    line = complaint(capsys, "--model-repository=/m")
    assert line == "imago-test: --log-format (IMAGO_LOG_FORMAT) is 'xml': Input should be 'json' or 'text'"


def test_a_missing_value_is_one_line_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys) == "imago-test: --model-repository (IMAGO_MODEL_REPOSITORY) must be given"


@pytest.mark.parametrize("flag", ["--bogus", "--grpc", "stray"])
def test_an_unknown_flag_is_one_line_that_names_it(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert complaint(capsys, "--model-repository=/m", flag) == f"imago-test: unrecognized arguments: {flag}"


def test_help_names_every_setting_with_its_meaning_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load(Settings, ["--help"], prog="imago-test", description="Tests.")
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Tests." in text
    assert "Folders of models. (required)" in text
    assert "Port of gRPC; 0 lets the system choose. (default: 8001)" in text
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert field.description


def test_settings_cannot_be_changed_after_they_were_read() -> None:
    settings = read()
    with pytest.raises(ValueError, match="frozen"):
        settings.grpc_port = 1
