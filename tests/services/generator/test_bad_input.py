"""Every mistake in a request is named with its field and value; a model that is wrong says with which numbers."""

import json
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from imago.v1 import generator_pb2, image_pb2
from imago.v1.generator_pb2_grpc import GeneratorServiceStub
from services.generator.catalogue import read_model
from services.runtime.config import finish_config, read_config
from services.runtime.errors import ModelFailed
from tests.processes import ServerProcess, server_process
from tests.services.detector.refusals import refused
from tests.services.generator.tiny import FRUITS, LATENT, SIZE, write_generator

KNOWN = "model 'classes' knows apple, banana, cherry"


def vector(*values: float, **fields: str) -> generator_pb2.LatentVector:
    return generator_pb2.LatentVector(values=values or [0] * SIZE, **fields)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"count": 65}, "count", "count is 65; it must be 1 to 64"),
        ({"truncation": 0}, "truncation", "truncation is 0; it must be above 0 and at most 1"),
        ({"truncation": np.nan}, "truncation", "truncation is nan; it must be above 0 and at most 1"),
        ({"version": "one"}, "version", "version is 'one'; it must be a decimal number, or empty"),
        (
            {"first_index": 2**32 - 1, "count": 2},
            "first_index",
            "first_index is 4294967295; with count 2 indices would pass 4294967295",
        ),
        ({"labels": ["apple"]}, "labels[0]", "labels[0] is 'apple'; model 'digits' has no classes"),
        ({"model": "classes", "labels": ["apple", "dog"]}, "labels[1]", f"labels[1] is 'dog'; {KNOWN}"),
        (
            {"model": "classes", "count": 3, "labels": FRUITS[:2]},
            "labels",
            "labels has 2 entries; it must have one for all images, or 3",
        ),
        ({"output": {"quality": 9}}, "output.quality", "output.quality is 9; IMAGE_FORMAT_PNG takes none"),
    ],
)
def test_an_option_out_of_range_is_refused(generate: Any, fields: dict[str, Any], field: str, sentence: str) -> None:
    assert refused(lambda: generate(**fields)) == ("INVALID_ARGUMENT", sentence, field)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"seed": 0}, "seed", "seed is 0, but latents are given: nothing is drawn"),
        ({"first_index": 7}, "first_index", "first_index is 7, but latents are given: nothing is drawn"),
        ({"truncation": 0.5}, "truncation", "truncation is 0.5, but latents are given: nothing is drawn"),
        ({"count": 3}, "count", "count is 3, but latents has 1 entries"),
        ({"latents": [vector()] * 65}, "latents", "latents has 65 entries; it must have at most 64"),
        (
            {"model": "classes"},
            "labels",
            f"labels is empty, and latent vectors have no class that could be drawn; {KNOWN}",
        ),
        (
            {"latents": [vector(), vector(1, 2)]},
            "latents[1].values",
            "latents[1].values has 2 values; space 'z' has 6",
        ),
        (
            {"latents": [vector(0, 0, np.inf, 0, 0, 0)]},
            "latents[0].values[2]",
            "latents[0].values[2] is inf; it must be finite",
        ),
        (
            {"latents": [vector(0, 0, 0, 0, 0, -30)]},
            "latents[0].values[5]",
            "latents[0].values[5] is -30; in space 'z' values are -20 to 20",
        ),
        (
            {"latents": [vector(model="fruits")]},
            "latents[0].model",
            "latents[0].model is 'fruits'; it is sent to model 'digits', which does not understand it",
        ),
        (
            {"latents": [vector(model="digits", version="1")]},
            "latents[0].version",
            "latents[0].version is '1'; it is sent to version '2', which does not understand it",
        ),
        (
            {"latents": [vector(space="w")]},
            "latents[0].space",
            "latents[0].space is 'w'; it is sent to space 'z', which does not understand it",
        ),
    ],
)
def test_latents_that_do_not_fit_are_refused_with_their_place(
    generate: Any, fields: dict[str, Any], field: str, sentence: str
) -> None:
    fields = {"latents": [vector()], **fields}
    assert refused(lambda: generate(**fields)) == ("INVALID_ARGUMENT", sentence, field)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"stops": [{"seed": 1}]}, "stops", "stops has 1 entries; it must have 2 to 16"),
        ({"steps": 257}, "steps", "steps is 257; it must be 1 to 256"),
        (
            {"method": 7},
            "method",
            "method is 7; known are INTERPOLATION_METHOD_LINEAR, INTERPOLATION_METHOD_SPHERICAL",
        ),
        ({"stops": [{"seed": 1}, {}]}, "stops[1]", "stops[1] has neither a seed nor a latent vector"),
        (
            {"stops": [{"seed": 1}, {"latent": vector(), "index": 2}]},
            "stops[1].index",
            "stops[1].index is 2, but a latent vector is given: nothing is drawn",
        ),
        (
            {"stops": [{"seed": 1}, {"latent": vector(1)}]},
            "stops[1].latent.values",
            "stops[1].latent.values has 1 values; space 'z' has 6",
        ),
        (
            {"stops": [{"latent": vector()}, {"seed": 1}], "model": "classes"},
            "stops[0].label",
            f"stops[0].label is empty, and a latent vector has no class that could be drawn; {KNOWN}",
        ),
        (
            {"stops": [{"seed": 1}, {"seed": 2, "label": "dog"}], "model": "classes"},
            "stops[1].label",
            f"stops[1].label is 'dog'; {KNOWN}",
        ),
        (
            {"stops": [{"latent": vector()}] * 2, "truncation": 0.5},
            "truncation",
            "truncation is 0.5, but no stop is a seed: nothing is drawn",
        ),
    ],
)
def test_a_way_that_cannot_be_gone_is_refused(stub: Any, fields: dict[str, Any], field: str, sentence: str) -> None:
    request = generator_pb2.InterpolateRequest(**{"stops": [{"seed": 1}, {"seed": 2}], **fields})
    assert refused(lambda: list(stub.Interpolate(request, timeout=30))) == ("INVALID_ARGUMENT", sentence, field)


def test_what_is_no_generator_is_told_apart(generate: Any, stub: Any) -> None:
    models = "models for image-generation: classes, digits, one_grey"
    assert refused(lambda: generate(model="nobody"))[:2] == ("NOT_FOUND", f"model 'nobody' is not here; {models}")
    assert refused(lambda: generate(model="scale")) == (
        "INVALID_ARGUMENT",
        "model is 'scale', which does no typed task, not image-generation",
        "model",
    )
    described = generator_pb2.DescribeModelsRequest
    assert refused(lambda: stub.DescribeModels(described(version="2")))[1] == "version is '2', but no model is named"
    assert refused(lambda: stub.DescribeModels(described(model="nobody")))[0] == "NOT_FOUND"


def test_more_than_a_message_holds_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_generator(tmp_path, "large", channels=1, side=256)
    with (
        server_process("services.generator", f"--model-repository={tmp_path}", "--max-message-mib=1") as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        stub = GeneratorServiceStub(channel)
        output = image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_RAW)
        request = generator_pb2.GenerateRequest(model="large", count=17, output=output)
        assert refused(lambda: stub.Generate(request, timeout=30)) == (
            "INVALID_ARGUMENT",
            "count is 17: so many images have 1.1 MiB together, and a message at most 1; ask for fewer, or for JPEG",
            "count",
        )


def test_labels_are_read_beside_a_server_that_runs_the_models(server: ServerProcess, repository: Path) -> None:
    triton = ("--engine=triton", f"--triton-url={server.grpc_address}")
    request = generator_pb2.GenerateRequest(model="classes", count=2, seed=1, labels=["cherry"])
    with (
        server_process("services.generator", *triton, f"--model-repository={repository}") as front,
        grpc.insecure_channel(front.grpc_address) as channel,
        grpc.insecure_channel(server.grpc_address) as direct,
    ):
        there = GeneratorServiceStub(channel).Generate(request, timeout=30)
        assert there.images == GeneratorServiceStub(direct).Generate(request, timeout=30).images
        default = GeneratorServiceStub(channel).Generate(generator_pb2.GenerateRequest(), timeout=30)
        assert default.images[0].latent.version == "2"


def test_without_models_the_service_says_what_is_missing(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="exit code 1") as caught,
        server_process("services.generator", f"--model-repository={tmp_path}"),
    ):
        pass
    assert "a model is a folder with config.pbtxt" in str(caught.value)


def latent(**changes: Any) -> str:
    return json.dumps(json.dumps({key: value for key, value in {**LATENT, **changes}.items() if value is not None}))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('"LATENT" data_type: TYPE_FP32', '"LATENT" data_type: TYPE_FP16'), " has no LATENT of TYPE_FP32, as image-"),
        (("TYPE_UINT8", "TYPE_FP32"), " has no IMAGE of TYPE_UINT8, as image-generation needs"),
        (("dims: [8, 8, 3]", "dims: [8, 8, 4]"), ": IMAGE must be [height, width, 3 or 1] in whole numbers"),
        (('"REALNESS" data_type: TYPE_FP32 dims: [1]', '"REALNESS" data_type: TYPE_FP32 dims: [2]'), ": REALNESS must"),
        (('label_filename: "labels.txt"', ""), " has LABEL, but IMAGE has no label_filename, or with --engine triton"),
        (('"LABEL"', '"CLASS"'), " has label_filename of IMAGE, but no LABEL of TYPE_INT64"),
        ((latent(), latent(name=None)), ": imago.latent has no 'name'; it must have name, dimensions, distribution, "),
        ((latent(), latent(scale=0)), ": imago.latent has scale 0; it must be a finite number above 0"),
        ((latent(), latent(distribution="cauchy")), ": imago.latent has distribution 'cauchy'; known are 'normal' and"),
        ((latent(), latent(shape=3)), ": imago.latent has shape 3; known are name, dimensions, distribution, location"),
        ((latent(), latent(dimensions=[7])), ": imago.latent has dimensions [7], but LATENT has [6]"),
        ((latent(), latent(dimensions=[6.0])), ": imago.latent has dimensions [6.0]; it must be a list of lengths"),
        ((latent(), '"[1]"'), ": imago.latent is '[1]'; it must be a JSON object"),
    ],
)
def test_a_configuration_that_is_no_generators_is_told_apart(
    tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    folder = write_generator(tmp_path, "g", labels=FRUITS, critic=True)
    text = (folder / "config.pbtxt").read_text()
    assert change[0] in text
    (folder / "config.pbtxt").write_text(text.replace(*change))
    with pytest.raises(ModelFailed) as caught:
        read_model(finish_config(read_config(folder), folder), "1")
    assert str(caught.value).startswith(f"model 'g'{sentence}")


def test_a_class_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    folder = write_generator(tmp_path, "g", labels=["apple", "apple"])
    with pytest.raises(ModelFailed, match="model 'g': the classes of IMAGE are apple, apple; one is empty or twice"):
        read_model(finish_config(read_config(folder), folder), "1")
