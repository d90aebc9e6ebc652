"""Generate and DescribeModels over a real connection, with generators whose images anybody can compute."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imago.v1 import generator_pb2, image_pb2
from tests.services.generator.tiny import FRUITS, SIDE, SIZE, expected_image

RAW = image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_RAW)


def pixels(image: image_pb2.Image) -> Any:
    """Of the shape (height, width, channels)."""
    if image.HasField("raw"):
        channels = 1 if image.raw.format == image_pb2.PIXEL_FORMAT_GRAY8 else 3
        return np.frombuffer(image.raw.data, np.uint8).reshape(image.raw.height, image.raw.width, channels).astype(int)
    with Image.open(io.BytesIO(image.encoded)) as opened:
        return np.atleast_3d(np.asarray(opened)).astype(int)


def test_images_are_those_of_their_latent_vectors(generate: Any) -> None:
    response = generate(count=5, seed=7)
    for image in response.images:
        assert (image.latent.model, image.latent.version, image.latent.space) == ("digits", "2", "z")
        # Rounding in the graph may differ by one from numpy's.
        assert np.abs(pixels(image.image) - expected_image(image.latent.values)).max() <= 1
        assert not image.HasField("realness")
    assert [(image.seed, image.index, image.label) for image in response.images] == [(7, i, "") for i in range(5)]
    assert {used.model for used in response.timing.models} == {"digits"}
    assert min(response.timing.preprocess_us, response.timing.postprocess_us) > 0


def test_a_seed_gives_the_same_bytes_alone_and_among_the_images_of_many_clients(generate: Any) -> None:
    alone = [generate(seed=3, first_index=index).images[0] for index in range(24)]

    def client(number: int) -> Any:
        own = generate(seed=number, count=13)  # other people's rows in the same batches
        return generate(seed=3, count=24), own

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(client, range(32)))
    for together, _ in answers:
        assert [image.SerializeToString() for image in together.images] == [one.SerializeToString() for one in alone]
    batches = [used.batch_size for pair in answers for response in pair for used in response.timing.models]
    assert max(batches) > 24, "no batch was shared"


def test_without_a_seed_one_is_chosen_and_told(generate: Any) -> None:
    first, second = generate(count=2), generate(count=2)
    assert first.images[0].seed != second.images[0].seed
    assert generate(count=2, seed=first.images[0].seed).images == first.images


def test_latents_of_an_answer_give_its_images_again(generate: Any) -> None:
    drawn = generate(count=10, seed=1, model="classes", labels=["banana"])
    again = generate(latents=[image.latent for image in drawn.images], model="classes", labels=["banana"])
    assert [image.image for image in again.images] == [image.image for image in drawn.images]
    assert not any(image.HasField("seed") for image in again.images)


def test_a_callers_own_vector_needs_no_model_or_version(generate: Any) -> None:
    middle = generator_pb2.LatentVector(values=[0] * SIZE)
    (image,) = generate(latents=[middle], version="1").images
    assert np.abs(pixels(image.image) - 128).max() <= 1
    assert image.latent.version == "1"


def test_classes_are_as_asked_or_drawn_without_touching_the_vector(generate: Any) -> None:
    drawn = generate(count=16, seed=2, model="classes").images
    assert {image.label for image in drawn} == set(FRUITS)
    chosen = [FRUITS[index % 3] for index in range(16)]
    asked = generate(count=16, seed=2, model="classes", labels=chosen).images
    one = generate(count=16, seed=2, model="classes", labels=["cherry"]).images
    assert [image.label for image in asked] == chosen
    assert {image.label for image in one} == {"cherry"}
    assert [image.latent for image in drawn] == [image.latent for image in asked] == [image.latent for image in one]
    for image in [*drawn, *asked]:
        expected = expected_image(image.latent.values, label=FRUITS.index(image.label), labels=3)
        assert np.abs(pixels(image.image) - expected).max() <= 1
        assert image.realness == pytest.approx(expected.mean() / 255, abs=0.01)


def test_truncation_pulls_towards_the_middle_of_the_space(generate: Any) -> None:
    whole, half = (
        np.array([image.latent.values for image in generate(count=8, seed=4, model="one_grey", truncation=t).images])
        for t in (1.0, 0.5)
    )
    assert np.all(np.abs(whole - 1) <= 0.5)  # the space is uniform, 0.5 to 1.5
    np.testing.assert_allclose(half - 1, (whole - 1) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("output", "magic"),
    [
        (image_pb2.ImageOutput(), b"\x89PNG"),
        (image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_JPEG, quality=80), b"\xff\xd8"),
        (image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_WEBP), b"RIFF"),
        (RAW, b""),
    ],
)
@pytest.mark.parametrize(("model", "channels"), [("digits", 3), ("one_grey", 1)])
def test_images_come_in_every_format(
    generate: Any, output: image_pb2.ImageOutput, magic: bytes, model: str, channels: int
) -> None:
    images = [one.image for one in generate(count=3, seed=0, model=model, output=output).images]
    assert all(image.encoded.startswith(magic) for image in images)
    assert {pixels(image).shape[:2] for image in images} == {(SIDE, SIDE)}
    if output == RAW:
        assert {pixels(image).shape[2] for image in images} == {channels}


def test_models_are_described(stub: Any) -> None:
    described = stub.DescribeModels(generator_pb2.DescribeModelsRequest(), timeout=30).models
    assert [(model.name, model.version) for model in described] == [
        ("classes", "1"),
        ("digits", "1"),
        ("digits", "2"),
        ("one_grey", "1"),
    ]
    classes, *_, grey = described
    assert (list(classes.labels), classes.has_critic, classes.width, classes.height) == (list(FRUITS), True, 8, 8)
    assert (classes.description, classes.licence) == ("Noise of model classes.", "CC0-1.0")
    assert (grey.format, grey.has_critic) == (image_pb2.PIXEL_FORMAT_GRAY8, False)
    assert list(grey.spaces) == [
        generator_pb2.LatentSpace(
            name="z",
            dimensions=[SIZE],
            distribution=generator_pb2.LATENT_DISTRIBUTION_UNIFORM,
            location=1,
            scale=0.5,
        )
    ]
    (one,) = stub.DescribeModels(generator_pb2.DescribeModelsRequest(model="digits", version="1"), timeout=30).models
    assert one == described[1]
