"""A model that cannot be served, or a repository without any, stops the start with one line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from services.runtime.errors import InvalidInput, StartupError
from tests.repositories import save_graph, scale_graph, write_config, write_scale
from tests.services.runtime.conftest import Load, double

CONFIG = """backend: "onnxruntime"
max_batch_size: 8
input [{ name: "x" data_type: TYPE_FP32 dims: [3] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [3] }]
"""


OPENVINO = 'optimization { execution_accelerators { cpu_execution_accelerator [{ name: "openvino" }] } }'
INT8 = 'parameters { key: "imago.precisions" value { string_value: "int8" } }'
WARMUP = 'model_warmup [{ name: "w" inputs { key: "x" value { data_type: TYPE_FP32 dims: [5] zero_data: true } } }]'
THREADS = 'parameters { key: "intra_op_thread_count" value { string_value: "many" } }'


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("backend: ", "does not parse"),
        ("no_such_field: 1", "no_such_field"),
        (CONFIG + 'name: "other"', "says name 'other'"),
        (CONFIG.replace("onnxruntime", "tensorflow"), "backend 'tensorflow' is not served"),
        (CONFIG.replace("FP32 dims: [3] }]\noutput", "FP64 dims: [3] }]\noutput"), "input 'x' is TYPE_FP64"),
        (CONFIG.replace("dims: [3]", "dims: [4]"), "has dims \\[-1, 4\\] in config.pbtxt but \\[-1, 3\\]"),
        (CONFIG.replace('"x"', '"z"'), "input 'z' is not in the ONNX file, which has \\['x'\\]"),
        (CONFIG + "dynamic_batching { preferred_batch_size: [9] }", "preferred_batch_size 9 is outside 1..8"),
        (CONFIG + "dynamic_batching { priority_levels: 2 }", "priorities"),
        (CONFIG + "ensemble_scheduling { }", "ensembles"),
        (CONFIG + "model_transaction_policy { decoupled: true }", "an ONNX graph gives one response"),
        (CONFIG + "instance_group [{ kind: KIND_GPU }]", "finds no GPU here"),
        (CONFIG + "instance_group [{ kind: KIND_CPU gpus: [0] }]", "KIND_CPU but lists gpus \\[0\\]"),
        (CONFIG + "instance_group [{ kind: KIND_MODEL }]", "does not know KIND_MODEL"),
        (CONFIG + "instance_group [{ kind: KIND_CPU passive: true }]", "sets passive, which is not served"),
        (CONFIG + "instance_group [{ kind: KIND_CPU host_policy: 'numa' }]", "sets host_policy, which is not served"),
        (CONFIG + "version_policy { specific { versions: [7] } }", "version_policy names \\[7\\]"),
        (CONFIG + 'default_model_filename: "net.onnx"', "'m/1/net.onnx' is not there"),
        (CONFIG + 'default_model_filename: "../1/model.onnx"', "'../1/model.onnx' leaves the folder '1'"),
        (CONFIG + 'default_model_filename: "/etc/passwd"', "'/etc/passwd' leaves the folder '1'"),
        (CONFIG + "default_model_filename: 'm\\000'", "leaves the folder '1'"),
        (CONFIG + f"default_model_filename: '{'m' * 300}'", "is not there"),
        (CONFIG.replace("TYPE_FP32", "99", 1), "data_type is 99; known are TYPE_INVALID, TYPE_BOOL"),
        (CONFIG + "instance_group [{ kind: 99 }]", "kind is 99; known are KIND_AUTO, KIND_GPU, KIND_CPU, KIND_MODEL"),
        (CONFIG + "version_policy { specific {} }", "version_policy names no version, but the versions are \\[1\\]"),
        (CONFIG + THREADS, "parameter intra_op_thread_count is 'many'; it must be a number from 0 to 9999"),
        (CONFIG + WARMUP.replace("5", "1099511627776, 1024"), "model_warmup input 'x': "),
        (CONFIG[:-4] + " label_filename: '../../l.txt' }]", "'../../l.txt' leaves the folder 'm'"),
        (CONFIG + 'parameters { key: "imago.tusk" value { string_value: "x" } }', "unknown key 'imago.tusk'"),
        (CONFIG + OPENVINO + INT8, "imago.precisions lists"),
        (CONFIG + OPENVINO.replace("openvino", "dnnl"), "dnnl"),
        (CONFIG + WARMUP, "model_warmup 'w' failed"),
        (CONFIG[:-4] + " label_filename: 'l.txt' }]", "output 'y' names label_filename 'l.txt'"),
    ],
)  # fmt: skip
async def test_a_model_that_cannot_be_served_stops_the_start_with_one_line(
    tmp_path: Path, load: Load, config: str, complaint: str
) -> None:
    save_graph(write_config(tmp_path, "m", config), scale_graph(2.0, ["n", 3]))
    with pytest.raises(StartupError, match=complaint) as refusal:
        await load()
    assert str(refusal.value).startswith("model 'm': ") or "model 'm' version" in str(refusal.value)


async def test_a_broken_model_file_is_one_line(tmp_path: Path, load: Load) -> None:
    folder = write_scale(tmp_path)
    (folder / "1" / "model.onnx").write_bytes(b"not an onnx file")
    with pytest.raises(StartupError, match="model 'scale': model.onnx does not load: ") as refusal:
        await load()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere"), os.mkfifo])
async def test_a_configuration_that_is_no_file_is_not_mistaken_for_none(
    tmp_path: Path, load: Load, make: Callable[[Path], object]
) -> None:
    config = write_scale(tmp_path) / "config.pbtxt"
    config.unlink()
    make(config)
    with pytest.raises(StartupError, match="model 'scale': config.pbtxt is not a file, or a link to nothing"):
        await load()


async def test_links_to_elsewhere_are_followed_as_kubernetes_makes_them(tmp_path: Path, load: Load) -> None:
    volume, root = tmp_path / "volume", tmp_path / "root"
    folder = write_scale(volume / "..2026_11_20")
    (volume / "..data").symlink_to("..2026_11_20")
    (root / "scale" / "1").mkdir(parents=True)
    for name in ("config.pbtxt", "1/model.onnx"):
        (root / "scale" / name).symlink_to(volume / "..data" / "scale" / name)
    assert folder.is_dir()
    assert await double(await load(roots=(root,))) == [[2.0, 4.0, 6.0]]


async def test_labels_that_are_no_text_are_one_line(tmp_path: Path, load: Load) -> None:
    folder = write_scale(tmp_path)
    (folder / "config.pbtxt").write_text(CONFIG[:-4] + " label_filename: 'labels.txt' }]")
    (folder / "labels.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(StartupError, match="label_filename 'labels.txt': 'utf-8' codec can't decode byte 0xff"):
        await load()


async def test_a_model_file_that_links_to_itself_is_one_line(tmp_path: Path, load: Load) -> None:
    model = write_scale(tmp_path) / "1" / "model.onnx"
    model.unlink()
    model.symlink_to("model.onnx")
    with pytest.raises(StartupError, match="'scale/1/model.onnx' is not there"):
        await load()


async def test_a_version_beyond_64_bits_is_no_version(tmp_path: Path, load: Load) -> None:
    (write_scale(tmp_path) / ("9" * 25)).mkdir()
    repository = await load()
    assert repository.versions("scale") == ("1",)
    with pytest.raises(InvalidInput, match="version string '9{40}' .*not a number of at most 18 digits"):
        repository.find("scale", "9" * 5000)


@pytest.mark.parametrize(
    ("names", "make", "complaint"),
    [
        ((), lambda root: None, "no model in"),
        (("m",), lambda root: write_scale(root), "--load-model names \\['m'\\]"),
        ((), lambda root: write_config(root, "empty", CONFIG), "no version folder"),
    ],
)
async def test_a_repository_that_serves_nothing_is_the_operators_mistake(
    tmp_path: Path, load: Load, names: tuple[str, ...], make: Callable[[Path], object], complaint: str
) -> None:
    make(tmp_path)
    with pytest.raises(StartupError, match=complaint):
        await load(*names)


async def test_a_model_in_two_repositories_is_refused(tmp_path: Path, load: Load) -> None:
    for root in ("a", "b"):
        write_scale(tmp_path / root)
    with pytest.raises(StartupError, match="model 'scale' is in two repositories"):
        await load(roots=(tmp_path / "a", tmp_path / "b"))
