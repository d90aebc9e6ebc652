"""A repository on disk becomes models that answer, or one line that says why not."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from services.runtime.embedded import EmbeddedEngine
from services.runtime.errors import InvalidInput, NotFound
from services.runtime.model import InferRequest
from services.runtime.repository import ModelRepository
from services.runtime.telemetry import Metrics
from tests.repositories import floats, save_graph, scale_graph, write_config, write_scale
from tests.services.runtime.backends.python.models import X_TO_Y
from tests.services.runtime.conftest import Load, double

OPENVINO = 'optimization { execution_accelerators { cpu_execution_accelerator [{ name: "openvino" }] } }'


async def test_a_model_answers_and_says_which_version_did(tmp_path: Path, load: Load) -> None:
    write_scale(tmp_path)
    repository = await load()
    response = await EmbeddedEngine(repository).infer(InferRequest("scale", {"x": floats([1, 2, 3], [4, 5, 6])}))
    np.testing.assert_array_equal(response.outputs["y"], floats([2, 4, 6], [8, 10, 12]))
    assert (response.timing.model, response.timing.version, response.timing.batch_size) == ("scale", "1", 2)


async def test_fields_that_have_no_effect_here_are_named_and_the_model_is_served(
    tmp_path: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    hints = 'optimization { graph { level: 1 } priority: PRIORITY_MAX } metric_tags { key: "team" value: "faces" }'
    write_scale(tmp_path, extra=hints)
    repository = await load()
    assert repository.is_ready("scale")
    told = [vars(record)["field"] for record in caplog.records if vars(record).get("model") == "scale"]
    assert told == ["optimization.graph", "optimization.priority", "metric_tags"]


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", ["3"]),
        ("version_policy { latest { num_versions: 2 } }", ["2", "3"]),
        ("version_policy { all {} }", ["1", "2", "3"]),
        ("version_policy { specific { versions: [1] } }", ["1"]),
    ],
)
async def test_the_version_policy_decides_what_is_served(
    tmp_path: Path, load: Load, policy: str, served: list[str]
) -> None:
    write_scale(tmp_path, extra=policy, versions=(1, 2, 3))
    repository = await load()
    assert [entry.version for entry in repository.index()] == served
    assert (await double(repository))[0][0] == 2.0 * int(served[-1])


async def test_folders_that_are_no_versions_are_ignored(tmp_path: Path, load: Load) -> None:
    folder = write_scale(tmp_path)
    for name in ("0", "01", "old", "2a"):
        (folder / name).mkdir()
    assert [entry.version for entry in (await load()).index()] == ["1"]


async def test_a_subset_can_be_served_and_the_index_shows_the_rest(tmp_path: Path, load: Load) -> None:
    write_scale(tmp_path, "one")
    write_scale(tmp_path, "two")
    repository = await load("two")
    assert [(entry.name, entry.state) for entry in repository.index()] == [("one", ""), ("two", "READY")]
    with pytest.raises(NotFound, match="'one' has no available versions"):
        repository.find("one")


async def test_what_is_not_there_is_told_in_tritons_words(tmp_path: Path, load: Load) -> None:
    write_scale(tmp_path)
    repository = await load()
    with pytest.raises(NotFound, match="^Request for unknown model: 'm' is not found$"):
        repository.find("m")
    with pytest.raises(NotFound, match="^Request for unknown model: 'scale' version 9 is not found$"):
        repository.find("scale", "9")
    with pytest.raises(InvalidInput, match="failed to get model version from specified version string 'new'"):
        repository.find("scale", "new")


async def test_an_onnx_model_without_a_configuration_is_completed(tmp_path: Path, load: Load) -> None:
    save_graph(tmp_path / "bare", scale_graph(2.0, ["n", 3]))
    config = (await load()).find("bare").config
    assert (config.backend, config.max_batch_size) == ("onnxruntime", 4)
    assert [(spec.name, spec.datatype, spec.shape) for spec in config.inputs] == [("x", "FP32", (-1, 3))]
    assert config.message.HasField("dynamic_batching")


async def test_a_fixed_first_axis_is_served_without_batching(tmp_path: Path, load: Load) -> None:
    save_graph(tmp_path / "fixed", scale_graph(2.0, [1, 3]))
    assert (await load()).find("fixed").config.max_batch_size == 0


async def test_openvino_serves_the_same_file_with_the_same_result(tmp_path: Path, load: Load) -> None:
    write_scale(tmp_path, extra=OPENVINO + "dynamic_batching {}")
    assert await double(await load()) == [[2.0, 4.0, 6.0]]


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        ({}, "expected 1 inputs but got 0 inputs for model 'scale'"),
        ({"x": floats([1, 2, 3]), "z": floats([1])}, "unexpected inference input 'z' for model 'scale'"),
        ({"x": floats([1, 2])}, r"unexpected shape for input 'x' for model 'scale'. Expected \[-1,3\], got \[1,2\]."),
        ({"x": np.zeros((1, 3), np.float16)}, "input 'x' data-type is 'FP16', but model 'scale' expects 'FP32'"),
        ({"x": np.zeros((9, 3), np.float32)}, "inference request batch-size must be <= 8 for 'scale'"),
        ({"x": np.zeros((0, 3), np.float32)}, "batch-size must be at least 1"),
    ],
)
async def test_wrong_tensors_are_refused_in_tritons_words(
    tmp_path: Path, load: Load, inputs: dict[str, np.ndarray], complaint: str
) -> None:
    write_scale(tmp_path)
    with pytest.raises(InvalidInput, match=complaint):
        await EmbeddedEngine(await load()).infer(InferRequest("scale", inputs))


async def test_only_the_wanted_outputs_come_back_and_unknown_ones_are_named(tmp_path: Path, load: Load) -> None:
    write_scale(tmp_path)
    engine = EmbeddedEngine(await load())
    with pytest.raises(InvalidInput, match="unexpected inference output 'q' for model 'scale'"):
        await engine.infer(InferRequest("scale", {"x": floats([1, 2, 3])}, outputs=("q",)))


async def test_an_ordinary_model_can_be_streamed_and_gives_one_final_response(tmp_path: Path, load: Load) -> None:
    write_scale(tmp_path)
    engine = EmbeddedEngine(await load())
    responses = [response async for response in engine.stream(InferRequest("scale", {"x": floats([1, 2, 3])}))]
    assert [response.final for response in responses] == [True]


async def test_work_that_nobody_waits_for_does_not_hold_up_the_end(tmp_path: Path) -> None:
    started, never = tmp_path / "started", tmp_path / "never"
    for pipe in (started, never):
        os.mkfifo(pipe)
    folder = write_config(tmp_path / "models", "m", f'backend: "python"\n{X_TO_Y}')
    (folder / "1").mkdir()
    (folder / "1" / "model.py").write_text(
        f"""
class TritonPythonModel:
    def execute(self, requests):
        open({str(started)!r}, "w").close()
        open({str(never)!r}).read()  # nobody ever writes
"""
    )
    repository = ModelRepository([tmp_path / "models"], metrics=Metrics())
    await repository.load()
    request = InferRequest("m", {"X": np.zeros(1, np.float32)})
    abandoned = asyncio.create_task(EmbeddedEngine(repository).infer(request))
    await asyncio.to_thread(started.read_text)
    abandoned.cancel()
    await repository.drain()
    async with asyncio.timeout(5):
        await repository.close()
