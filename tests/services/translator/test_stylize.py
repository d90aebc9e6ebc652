"""Stylize over a real connection: styles by name, code and image, in one go and step by step."""

from typing import Any

import numpy as np
import pytest

from imago.v1 import image_pb2, translator_pb2
from tests.services.translator.pictures import Pixels, picture, received, sent

Style = translator_pb2.WeightedStyle


def result(responses: list[Any]) -> translator_pb2.StylizeResult:
    """Of the last response, and of no other."""
    assert [response.WhichOneof("message") for response in responses][-1] == "result"
    assert all(response.WhichOneof("message") == "progress" for response in responses[:-1])
    return responses[-1].result  # type: ignore[no-any-return]


def coarse(pixels: Pixels) -> Any:
    """What the tiny styliser keeps of an image."""
    return pixels.astype(int) // 4 * 4


def test_a_style_image_gives_its_statistics_to_the_content(stylize: Any) -> None:
    content, style = picture(90, 40), picture(50, 60, seed=1)
    responses = stylize(image=sent(content), style_image=sent(style))
    answer = result(responses)
    shift = style.mean(axis=(0, 1)) - content.mean(axis=(0, 1))
    expected = np.clip(coarse(content) + shift, 0, 255)
    # The tiny encoder sees an image reflected to multiples of 8, and levels are whole.
    np.testing.assert_allclose(received(answer.image), expected, atol=6)
    assert (answer.width, answer.height) == (90, 40)
    code = answer.style_code
    assert (code.model, code.version, code.space, len(code.values)) == ("stylizer", "1", "rgb-statistics", 6)
    assert {used.model for used in responses[0].timing.models} == {"style_encoder", "stylizer"}


def test_a_code_gives_the_same_again_and_styles_are_blended_by_weight(stylize: Any) -> None:
    content = sent(picture(64, 64))
    dark, light = (result(stylize(image=content, styles=[Style(name=name)])) for name in ("dark", "light"))
    again = result(stylize(image=content, styles=[Style(code=light.style_code)]))
    assert again.image == light.image
    blend = result(stylize(image=content, styles=[Style(name="dark", weight=3), Style(name="light")]))
    assert list(blend.style_code.values) == pytest.approx([50.0] * 6)
    levels = [received(answer.image).mean() for answer in (dark, blend, light)]
    assert levels[0] < levels[1] < levels[2]


def test_strength_mask_and_colour_are_the_callers(stylize: Any) -> None:
    content = picture(64, 48)
    light = {"image": sent(content), "styles": [Style(name="light")]}
    np.testing.assert_array_equal(received(result(stylize(**light, strength=0)).image), content)
    mask = np.zeros((24, 32, 3), np.uint8)
    mask[:, 16:] = 255
    masked = received(result(stylize(**light, mask=sent(mask))).image)
    np.testing.assert_array_equal(masked[:, :30], content[:, :30])
    np.testing.assert_array_equal(masked[:, 34:], received(result(stylize(**light)).image)[:, 34:])
    kept = received(result(stylize(**light, preserve_colour=True)).image).astype(int)
    within = (kept > 0).all(axis=2) & (kept < 255).all(axis=2)
    colours = [np.diff(pixels.astype(int), axis=2)[within] for pixels in (kept, content)]
    np.testing.assert_array_equal(colours[0], colours[1])


def test_a_large_content_is_reduced_and_gets_its_size_back(stylize: Any) -> None:
    asked = {"image": sent(picture(384, 200)), "styles": [Style(name="light")]}
    answer = result(stylize(**asked))
    assert (answer.width, answer.height) == (384, 200)
    small = result(stylize(**asked, size="OUTPUT_SIZE_MODEL"))
    assert (small.width, small.height) == (96, 50)
    larger = result(stylize(**asked, size="OUTPUT_SIZE_MODEL", longest_side=300))
    assert received(larger.image).shape == (156, 300, 3)


def test_a_grey_photograph_is_a_style_like_any_other(stylize: Any) -> None:
    grey = picture(40, 40)[..., 1]
    image = image_pb2.RawImage(width=40, height=40, format=image_pb2.PIXEL_FORMAT_GRAY8, data=grey.tobytes())
    answer = result(stylize(image=sent(picture(40, 40, seed=2)), style_image=image_pb2.Image(raw=image)))
    assert len(set(np.round(answer.style_code.values[:3], 3))) == 1


def test_an_optimisation_tells_every_step_and_shows_some(stylize: Any) -> None:
    content, style = picture(90, 40), picture(50, 60, seed=1)
    optimisation = {"steps": 5, "preview_every_steps": 2, "content_weight": 7}
    responses = stylize(
        image=sent(content), style_image=sent(style), model="gatys", optimisation=optimisation, strength=0.5
    )
    answer, steps = result(responses), [response.progress for response in responses[:-1]]
    assert [(step.step, step.total_steps) for step in steps] == [(number, 5) for number in range(1, 6)]
    assert [step.HasField("preview") for step in steps] == [False, True, False, True, False]
    assert {step.content_loss for step in steps} == {7}
    losses = [step.style_loss for step in steps]
    # The tiny optimiser goes a quarter of the way each step: half of its rate by half of the strength.
    assert losses[4] == pytest.approx(losses[0] * 0.75**4, rel=0.01)
    assert received(steps[1].preview).shape == (40, 90, 3)
    assert received(answer.image).std() == pytest.approx(content.std() * 0.75**5, rel=0.1)
    assert not answer.HasField("style_code")
    costs = [response.timing.models[0].compute_us for response in responses]
    assert costs == sorted(costs)
    assert [used.model for used in responses[-1].timing.models] == ["gatys"]


def test_styles_of_an_optimisation_are_blended_too(stylize: Any) -> None:
    dark, light = (np.clip(picture(40, 30, seed=1).astype(int) + by, 0, 255).astype(np.uint8) for by in (-40, 40))
    styles = [Style(image=sent(dark)), Style(image=sent(light), weight=3)]
    answer = result(stylize(image=sent(picture(40, 40)), styles=styles, model="gatys", optimisation={"steps": 30}))
    expected = 0.25 * dark.mean() + 0.75 * light.mean()
    assert received(answer.image).mean() == pytest.approx(expected, abs=2)  # styles are reflected to multiples of 8
