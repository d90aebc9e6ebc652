"""A configuration that promises what its model cannot keep is told apart, with tensor, parameter and value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.runtime.config import ModelConfig, finish_config, read_config
from services.runtime.errors import ModelFailed
from services.translator.networks import read_encoder, read_stylizer, read_translator
from services.translator.stepwise import read_dreamer, read_optimizer
from tests.services.translator.tiny import (
    DREAM,
    MAPS,
    OPTIMISATION,
    STYLE,
    write_dreamer,
    write_encoder,
    write_optimizer,
    write_stylizer,
    write_translator,
)

Change = tuple[str, str]


def configured(folder: Path, change: Change = ("", "")) -> ModelConfig:
    text = (folder / "config.pbtxt").read_text()
    assert change[0] in text
    (folder / "config.pbtxt").write_text(text.replace(*change))
    return finish_config(read_config(folder), folder)


def without(stated: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The object with some values changed; None leaves one out."""
    return {key: value for key, value in {**stated, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        (without(MAPS, family=None), "has no 'family'"),
        (without(MAPS, direction=""), "has direction ''; it must be a text"),
        (without(MAPS, multiple=0), "has multiple 0; it must be a whole number of at least 1"),
        (without(MAPS, least=True), "has least True; it must be a whole number of at least 1"),
        (without(MAPS, overlap=-1), "has overlap -1; it must be a whole number of at least 0"),
        (without(MAPS, overlap=60), "has overlap 60; tiles of 64 must go on by 8"),
        (without(MAPS, large="crop"), "has large 'crop'; it must be 'tile' or 'shrink'"),
        (without(MAPS, colour=1), "has unknown 'colour'; known are direction, family, large, least, multiple"),
    ],
)
def test_what_a_translator_states_must_make_sense(tmp_path: Path, stated: dict[str, Any], sentence: str) -> None:
    config = configured(write_translator(tmp_path, "t", stated))
    with pytest.raises(ModelFailed) as caught:
        read_translator(config, "")
    assert str(caught.value).startswith(f"model 't': imago.translation {sentence}")


@pytest.mark.parametrize(
    ("write", "read", "change", "sentence"),
    [
        (
            write_translator,
            read_translator,
            ('"TRANSLATED" data_type: TYPE_UINT8', '"TRANSLATED" data_type: TYPE_FP32'),
            "has no TRANSLATED of UINT8 [-1, -1, 3], as image-translation needs",
        ),
        (
            write_translator,
            read_translator,
            ("dims: [-1, -1, 3]", "dims: [64, 64, 3]"),
            "has no IMAGE of UINT8 [-1, -1, 3], but [64, 64, 3], as image-translation needs",
        ),
        (
            write_stylizer,
            read_stylizer,
            ('"CONTENT" data_type: TYPE_FP32 dims: [6]', '"CONTENT" data_type: TYPE_FP32 dims: [8]'),
            "CONTENT, STYLE and STRENGTH must be [2 C], [2 C] and [1], not [8], [6], [1]",
        ),
        (
            write_optimizer,
            read_optimizer,
            ("decoupled: true", ""),
            "must be decoupled and without a batch axis, as style-optimization needs",
        ),
        (
            write_dreamer,
            read_dreamer,
            ("TYPE_STRING", "TYPE_FP32"),
            "has no SETTINGS of BYTES, as image-dreaming needs",
        ),
    ],
)
def test_the_tensors_must_be_those_of_the_task(
    tmp_path: Path,
    write: Callable[[Path, str], Path],
    read: Callable[[ModelConfig, str], object],
    change: Change,
    sentence: str,
) -> None:
    config = configured(write(tmp_path, "t"), change)
    with pytest.raises(ModelFailed) as caught:
        read(config, "")
    assert str(caught.value).removeprefix("model 't'").lstrip(": ") == sentence


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        (without(OPTIMISATION, style_layers=["relu9"]), "has style_layers ['relu9']; it must be some of relu1_1, relu"),
        (without(OPTIMISATION, content_layers=[]), "has content_layers []; it must be a list of texts"),
        (without(OPTIMISATION, learning_rate=0), "has learning_rate 0; it must be a number above 0"),
        (without(OPTIMISATION, style_weight=-1), "has style_weight -1; it must be a number of at least 0"),
        (without(OPTIMISATION, longest_side=100), "has tile 100; it must be a multiple of 8 and at least 16"),
    ],
)
def test_what_an_optimizer_states_must_make_sense(tmp_path: Path, stated: dict[str, Any], sentence: str) -> None:
    config = configured(write_optimizer(tmp_path, "t", stated))
    with pytest.raises(ModelFailed) as caught:
        read_optimizer(config, "")
    assert str(caught.value).startswith(f"model 't': imago.optimisation {sentence}")


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        (without(DREAM, layers=["relu1_1"]), "has layers ['relu1_1']; it must be an object that tells the channels"),
        (without(DREAM, targets=[{"layer": "relu9"}]), "has targets [{'layer': 'relu9'}]; it must be a list of {"),
        (without(DREAM, octave_scale=1), "has octave_scale 1; it must be a number above 1"),
        (without(DREAM, octaves=0), "has octaves 0; it must be a whole number of at least 1"),
    ],
)
def test_what_a_dreamer_states_must_make_sense(tmp_path: Path, stated: dict[str, Any], sentence: str) -> None:
    config = configured(write_dreamer(tmp_path, "t", stated))
    with pytest.raises(ModelFailed) as caught:
        read_dreamer(config, "")
    assert str(caught.value).startswith(f"model 't': imago.dream {sentence}")


def test_styles_and_encoders_must_fit_the_styliser(tmp_path: Path) -> None:
    stylizer = read_stylizer(configured(write_stylizer(tmp_path)), "1")
    encoder = configured(write_encoder(tmp_path), ("dims: [6]", "dims: [8]"))
    with pytest.raises(ModelFailed, match="'style_encoder': STATISTICS has 8 values, but model 'stylizer' takes 6"):
        read_encoder(encoder, "", stylizer)
    for numbers in ([1.0, 2.0], ["red"] * 6):
        folder = write_stylizer(tmp_path, "s", STYLE, {"starry": numbers})  # type: ignore[dict-item]
        with pytest.raises(ModelFailed, match="'s': imago.styles has 'starry' of other than 6 finite numbers"):
            read_stylizer(configured(folder), "1")
