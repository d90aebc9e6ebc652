"""Every mistake in a request is named with its field and value; so is a server that has no such model."""

from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from imago.v1 import image_pb2, translator_pb2
from imago.v1.translator_pb2_grpc import TranslatorServiceStub
from tests.processes import server_process
from tests.services.detector.refusals import refused
from tests.services.translator.pictures import picture, sent
from tests.services.translator.tiny import FRAME, write_translator

PHOTO, SMALL = sent(picture(40, 32)), sent(picture(15, 32))
GREY = sent(np.full((40, 40, 3), 128, np.uint8))
LIGHT = {"name": "light"}
LAYERS = "model 'dream' has relu1_1, relu2_1"


def code(*values: float, **fields: str) -> dict[str, Any]:
    return {"code": translator_pb2.StyleCode(values=values or [1] * 6, **fields)}


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"image": SMALL}, "image", "image is 15x32 pixels; model 'aerial_to_map' needs at least 16 on each side"),
        (
            {"image": sent(picture(600, 100)), "model": "animals"},
            "image",
            "image is 600x100 pixels, reduced to 64x11; model 'cow_to_horse' needs at least 16 on each side",
        ),
        ({"image": None}, "image", "image is not set; send encoded bytes or raw pixels"),
        ({"image": image_pb2.Image(encoded=b"no")}, "image.encoded", "image is 2 bytes of no known image format; "),
        (
            {"direction": "map_to_moon"},
            "direction",
            "direction is 'map_to_moon'; model 'maps' goes aerial_to_map, map_to_aerial",
        ),
        (
            {"model": "map_to_aerial", "direction": "aerial_to_map"},
            "direction",
            "direction is 'aerial_to_map'; model 'map_to_aerial' goes map_to_aerial",
        ),
        (
            {"model": "animals", "cycle": True},
            "cycle",
            "cycle is true, but model 'horse_to_cow', which translates back from 'cow_to_horse', is not here",
        ),
        ({"model": "dim", "cycle": True}, "cycle", "cycle is true, but nothing translates back from 'dim'"),
        ({"size": 7}, "size", "size is 7; known are OUTPUT_SIZE_ORIGINAL, OUTPUT_SIZE_MODEL"),
        ({"version": "one"}, "version", "version is 'one'; it must be a decimal number, or empty"),
        ({"model": "dream"}, "model", "model is 'dream', which does image-dreaming, not image-translation"),
        ({"output": {"quality": 9}}, "output.quality", "output.quality is 9; IMAGE_FORMAT_PNG takes none"),
    ],
)
def test_what_cannot_be_translated_is_refused(
    translate: Any, fields: dict[str, Any], field: str, sentence: str
) -> None:
    refusal = refused(lambda: translate(**{"image": PHOTO, **fields}))
    assert (refusal[0], refusal[2]) == ("INVALID_ARGUMENT", field)
    assert refusal[1].startswith(sentence)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"strength": 1.01}, "strength", "strength is 1.01; it must be 0 to 1"),
        ({"strength": np.nan}, "strength", "strength is nan; it must be 0 to 1"),
        (
            {"style_image": SMALL},
            "style_image",
            "style_image is 15x32 pixels; model 'style_encoder' needs at least 16 on each side",
        ),
        (
            {"style_image": GREY},
            "style_image",
            "style_image has one colour, rgb(128, 128, 128), all over: there is no style in it",
        ),
        (
            {"styles": []},
            "styles",
            "0 styles are given in style_image and styles; there must be 1 to 8",
        ),
        (
            {"styles": [LIGHT] * 8, "style_image": PHOTO},
            "styles",
            "9 styles are given in style_image and styles; there must be 1 to 8",
        ),
        ({"styles": [LIGHT, {}]}, "styles[1]", "styles[1] has neither a name nor a code nor an image"),
        ({"styles": [{**LIGHT, "weight": -1}]}, "styles[0].weight", "styles[0].weight is -1; it must be above 0"),
        (
            {"styles": [{"name": "van gogh"}]},
            "styles[0].name",
            "styles[0].name is 'van gogh'; model 'stylizer' knows dark, light",
        ),
        ({"styles": [code(1, 2)]}, "styles[0].code.values", "styles[0].code.values has 2 values; space 'rgb-s"),
        (
            {"styles": [LIGHT, code(0, 0, 0, 1, -1, 1)]},
            "styles[1].code.values[4]",
            "styles[1].code.values[4] is -1; it must be finite and at least 0, being a deviation",
        ),
        (
            {"styles": [code(model="other")]},
            "styles[0].code.model",
            "styles[0].code.model is 'other'; it is sent to model 'stylizer', which does not understand it",
        ),
        ({"longest_side": 63}, "longest_side", "longest_side is 63; it must be 64 to 4096"),
        ({"mask": {"encoded": b"no"}}, "mask.encoded", "image is 2 bytes of no known image format"),
        (
            {"optimisation": {"steps": 3}},
            "optimisation",
            "optimisation is set, but model 'stylizer' answers in one go and takes none",
        ),
        ({"image": SMALL}, "image", "image is 15x32 pixels; model 'stylizer' needs at least 16 on each side"),
    ],
)
def test_what_cannot_be_stylised_is_refused(stylize: Any, fields: dict[str, Any], field: str, sentence: str) -> None:
    refusal = refused(lambda: stylize(**{"image": PHOTO, "styles": [LIGHT], **fields}))
    assert (refusal[0], refusal[2]) == ("INVALID_ARGUMENT", field)
    assert refusal[1].startswith(sentence)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"steps": 0}, "optimisation.steps", "optimisation.steps is 0; it must be 1 to 5000"),
        ({"steps": 5001}, "optimisation.steps", "optimisation.steps is 5001; it must be 1 to 5000"),
        (
            {"steps": 4001},
            "optimisation.steps",
            "optimisation.steps: 4001 steps are asked for, and this server takes at most 4000",
        ),
        ({"learning_rate": 0}, "optimisation.learning_rate", "optimisation.learning_rate is 0; it must be above 0"),
        ({"style_weight": -1}, "optimisation.style_weight", "optimisation.style_weight is -1; it must be 0 or more"),
        (
            {"style_layers": ["relu1_1", "conv9"]},
            "optimisation.style_layers[1]",
            "optimisation.style_layers[1] is 'conv9'; model 'gatys' has relu1_1, relu2_1",
        ),
    ],
)
def test_an_optimisation_out_of_range_is_refused(
    stylize: Any, fields: dict[str, Any], field: str, sentence: str
) -> None:
    asked = {"image": PHOTO, "style_image": PHOTO, "model": "gatys", "optimisation": fields}
    assert refused(lambda: stylize(**asked)) == ("INVALID_ARGUMENT", sentence, field)


def test_an_optimisation_takes_images_that_it_can_hold(stylize: Any) -> None:
    asked = {"image": PHOTO, "model": "gatys"}
    assert refused(lambda: stylize(**asked, styles=[LIGHT]))[1:] == (
        "styles[0].name is given, but model 'gatys' optimises and takes style images only",
        "styles[0].name",
    )
    assert refused(lambda: stylize(**asked, style_image=PHOTO, longest_side=128))[1:] == (
        "longest_side is 128; model 'gatys' holds at most 96",
        "longest_side",
    )


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"targets": [{"layer": "mixed3"}]}, "targets[0].layer", f"targets[0].layer is 'mixed3'; {LAYERS}"),
        (
            {"targets": [{"layer": "relu1_1"}, {"layer": "relu2_1", "channel": 8}]},
            "targets[1].channel",
            "targets[1].channel is 8; layer 'relu2_1' has channels 0 to 7",
        ),
        (
            {"targets": [{"layer": "relu1_1", "weight": np.inf}]},
            "targets[0].weight",
            "targets[0].weight is inf; it must be finite",
        ),
        ({"targets": [{"layer": "relu1_1"}] * 17}, "targets", "targets has 17 entries; it must have at most 16"),
        ({"octaves": 11}, "octaves", "octaves is 11; it must be 1 to 10"),
        (
            {"octaves": 4},
            "octaves",
            "octaves is 4; an image whose shorter side has 32 pixels has at most 2 at octave_scale 1.5, since model "
            "'dream' needs 16",
        ),
        ({"octave_scale": 1}, "octave_scale", "octave_scale is 1; it must be above 1 and at most 2"),
        ({"steps": 501}, "steps", "steps is 501; it must be 1 to 500"),
        ({"step_size": 0.6}, "step_size", "step_size is 0.6; it must be above 0 and at most 0.5"),
        ({"jitter": 129}, "jitter", "jitter is 129; it must be 0 to 128"),
        ({"guide": SMALL}, "guide", "guide is 15x32 pixels; model 'dream' needs at least 16 on each side"),
        ({"image": SMALL}, "image", "image is 15x32 pixels; model 'dream' needs at least 16 on each side"),
    ],
)
def test_what_cannot_be_dreamt_is_refused(dream: Any, fields: dict[str, Any], field: str, sentence: str) -> None:
    assert refused(lambda: dream(**{"image": PHOTO, **fields})) == ("INVALID_ARGUMENT", sentence, field)


def test_a_dream_has_a_budget_of_steps_over_all_its_octaves(dream: Any) -> None:
    asked = {"image": sent(picture(300, 300)), "octaves": 9, "octave_scale": 1.2, "steps": 450}
    sentence = "steps: 4050 steps are asked for, and this server takes at most 4000"
    assert refused(lambda: dream(**asked)) == ("INVALID_ARGUMENT", sentence, "steps")


def test_a_model_that_is_not_here_is_answered_with_those_that_are(translate: Any, stylize: Any, dream: Any) -> None:
    able = "models for image-translation: aerial_to_map, cow_to_horse, dim, map_to_aerial"
    assert refused(lambda: translate(image=PHOTO, model="x"))[:2] == ("NOT_FOUND", f"model 'x' is not here; {able}")
    assert refused(lambda: translate(image=PHOTO, version="9"))[0] == "NOT_FOUND"
    able = "models for image-stylization or style-optimization: gatys, stylizer"
    assert refused(lambda: stylize(image=PHOTO, model="x"))[:2] == ("NOT_FOUND", f"model 'x' is not here; {able}")
    assert refused(lambda: dream(image=PHOTO, model="x"))[0] == "NOT_FOUND"


def test_more_than_a_message_holds_is_refused_with_what_to_do(translate: Any) -> None:
    output = image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_RAW)
    refusal = refused(lambda: translate(image=sent(picture(1400, 1100)), output=output))
    assert refusal == (
        "INVALID_ARGUMENT",
        "output.format: the answer has 4.4 MiB, and a message at most 4; ask for JPEG or WebP, or for a smaller image",
        "output.format",
    )


def test_a_model_that_contradicts_itself_is_the_servers_fault(tmp_path: Path) -> None:
    write_translator(tmp_path, "maps", {"family": "maps", "direction": "there", **FRAME, "tile": 60})
    with (
        server_process("services.translator", f"--model-repository={tmp_path}") as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        stub = TranslatorServiceStub(channel)
        request = translator_pb2.TranslateRequest(image=PHOTO)
        assert refused(lambda: stub.Translate(request, timeout=30))[0] == "INTERNAL"
        assert "imago.translation has tile 60; it must be a multiple of 8 and at least 16" in server.log.read_text()


def test_without_a_model_the_service_says_what_is_missing(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="exit code 1") as caught,
        server_process("services.translator", f"--model-repository={tmp_path}"),
    ):
        pass
    assert "a model is a folder with config.pbtxt" in str(caught.value)
