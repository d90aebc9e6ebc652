"""A model folder is written whole, with one configuration for all its versions, or it is not written."""

import stat
from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from tests.training.export.networks import CELLS, SIZE, Grid
from training.errors import TrainingError
from training.export.detectors.configuration import DetectorInterface
from training.export.detectors.graph import export_graph
from training.export.repository import Card, Place, write_model

LABELS = ("without_mask", "with_mask", "mask_weared_incorrect")


def interface(labels: Sequence[str] = LABELS, licence: str = "Apache-2.0", name: str = "masks") -> DetectorInterface:
    return DetectorInterface(name, labels, 0.3, ("bf16", "f32"), licence)


def config_of(folder: Path) -> model_config_pb2.ModelConfig:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_folder_says_what_a_service_must_know(tmp_path: Path, graph: onnx.ModelProto) -> None:
    folder = write_model(Place(tmp_path, "masks"), interface(), graph, Card("# masks\n"))
    assert files_of(folder) == ["1/model.onnx", "README.md", "config.pbtxt", "labels.txt"]
    assert (folder / "labels.txt").read_text().splitlines() == list(LABELS)
    assert (folder / "README.md").read_text() == "# masks\n"
    config = config_of(folder)
    assert (config.name, config.backend, config.max_batch_size) == ("masks", "onnxruntime", 32)
    assert [(end.name, list(end.dims)) for end in (*config.input, *config.output)] == [
        ("IMAGE", [SIZE, SIZE, 3]),
        ("BOXES", [CELLS, 4]),
        ("SCORES", [CELLS, 3]),
    ]
    assert config.output[1].label_filename == "labels.txt"
    assert config.HasField("dynamic_batching")
    assert [a.name for a in config.optimization.execution_accelerators.cpu_execution_accelerator] == ["openvino"]
    assert {key: value.string_value for key, value in config.parameters.items()} == {
        "imago.task": "object-detection",
        "imago.preprocess": '{"size": [64, 64], "resize": "letterbox"}',
        "imago.threshold": "0.3",
        "imago.precisions": "bf16,f32",
        "imago.licence": "Apache-2.0",
    }


def test_everybody_may_read_what_was_written(tmp_path: Path, graph: onnx.ModelProto) -> None:
    folder = write_model(Place(tmp_path, "masks"), interface(), graph, Card(""))
    made = tmp_path / "made"
    made.mkdir()
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(made.stat().st_mode)


def test_a_graph_of_one_image_has_no_batch_in_its_configuration(tmp_path: Path, single: onnx.ModelProto) -> None:
    config = config_of(write_model(Place(tmp_path, "masks"), interface(), single, Card("")))
    assert (config.max_batch_size, config.HasField("dynamic_batching")) == (0, False)
    assert [sample.batch_size for sample in config.model_warmup] == [1]


def test_labels_and_outputs_that_differ_in_number_are_refused_with_both_numbers(
    tmp_path: Path, graph: onnx.ModelProto
) -> None:
    with pytest.raises(TrainingError, match="would have 2 labels, but the graph's SCORES has 3 columns"):
        write_model(Place(tmp_path, "masks"), interface(LABELS[:2]), graph, Card(""))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["", "two\nlines", " spaced"])
def test_a_label_that_is_no_line_is_refused(tmp_path: Path, graph: onnx.ModelProto, label: str) -> None:
    with pytest.raises(TrainingError, match="is no line of text"):
        write_model(Place(tmp_path, "masks"), interface((*LABELS[:2], label)), graph, Card(""))


def test_a_version_is_replaced_only_by_force(tmp_path: Path, graph: onnx.ModelProto) -> None:
    write_model(Place(tmp_path, "masks"), interface(), graph, Card("old"))
    with pytest.raises(TrainingError, match="already has version 1; --force replaces it"):
        write_model(Place(tmp_path, "masks"), interface(), graph, Card("new"))
    folder = write_model(Place(tmp_path, "masks", force=True), interface(), graph, Card("new"))
    assert (folder / "README.md").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


def test_versions_stand_beside_each_other(tmp_path: Path, graph: onnx.ModelProto) -> None:
    write_model(Place(tmp_path, "masks"), interface(), graph, Card("old"))
    folder = write_model(Place(tmp_path, "masks", version=2), interface(), graph, Card("new"))
    assert files_of(folder) == ["1/model.onnx", "2/model.onnx", "README.md", "config.pbtxt", "labels.txt"]


def test_a_version_with_another_interface_is_refused(
    tmp_path: Path, graph: onnx.ModelProto, single: onnx.ModelProto
) -> None:
    write_model(Place(tmp_path, "masks"), interface(), graph, Card(""))
    for other, labels in ((single, LABELS), (graph, ("a", "b", "c"))):
        with pytest.raises(TrainingError, match="version 1 has other inputs, outputs or labels than the new version 2"):
            write_model(Place(tmp_path, "masks", version=2), interface(labels), other, Card(""))


def test_the_licence_goes_along_where_it_must(tmp_path: Path, graph: onnx.ModelProto) -> None:
    folder = write_model(Place(tmp_path, "yolo"), interface(licence="AGPL-3.0", name="yolo"), graph, Card(""))
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in (folder / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (Place(Path("r"), "../masks"), "--name '../masks'"),
        (Place(Path("r"), ".masks"), "--name '.masks'"),
        (Place(Path("r"), "masks", version=0), "--version 0: versions are numbered from 1"),
    ],
)
def test_what_is_no_place_is_refused(place: Place, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        place.check()


def test_a_folder_that_is_no_model_is_left_alone(tmp_path: Path, graph: onnx.ModelProto) -> None:
    (tmp_path / "masks").mkdir()
    with pytest.raises(TrainingError, match="exists and is no model: it has no config.pbtxt"):
        write_model(Place(tmp_path, "masks", force=True), interface(), graph, Card(""))


def test_a_repository_that_is_a_file_is_told(tmp_path: Path, graph: onnx.ModelProto) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot be written"):
        write_model(Place(tmp_path / "file", "masks"), interface(), graph, Card(""))


def test_one_class_is_enough(tmp_path: Path) -> None:
    one = export_graph(Grid(classes=1), SIZE)
    assert list(
        config_of(write_model(Place(tmp_path, "one"), interface(("face",), name="one"), one, Card(""))).output[1].dims
    ) == [CELLS, 1]
