"""How a `model.py` is found, started and told about itself, and how a failure to load is reported."""

import json
import logging
import os
from pathlib import Path

import pytest

from services.runtime.backends.python.backend import auto_complete
from services.runtime.config import ConfigError
from services.runtime.errors import StartupError
from tests.services.runtime.backends.python.models import X_TO_Y, ask, outputs, write_model


def test_the_model_is_told_what_triton_tells(tmp_path: Path) -> None:
    source = """
    import json
    class TritonPythonModel:
        def initialize(self, args):
            self.args = args
        def execute(self, requests):
            (r,) = requests
            told = dict(self.args, request_id=r.request_id(), parameters=json.loads(r.parameters()),
                        timeout=r.timeout(), correlation_id=r.correlation_id(), flags=r.flags(),
                        outputs=r.requested_output_names(), cancelled=r.is_cancelled(),
                        model_dir=pb_utils.get_model_dir(), cwd=os.getcwd())
            return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", np.array([json.dumps(told)], np.object_))])]
    """
    folder = write_model(tmp_path, source, X_TO_Y.replace('"Y" data_type: TYPE_FP32', '"Y" data_type: TYPE_STRING'))
    parameters = {"timeout": 5000, "sequence_id": 7, "sequence_start": True, "custom": "a", "weight": 0.5}
    with folder.loaded() as backend:
        told = json.loads(outputs(backend, ask(1, id="r1", parameters=parameters))["Y"][0])
    config = json.loads(told.pop("model_config"))
    assert config["input"][0]["dims"] == [-1]
    assert (config["max_batch_size"], config["backend"], config["output"][0]["data_type"]) == (
        0,
        "python",
        "TYPE_STRING",
    )
    assert told == {
        "model_instance_kind": "CPU",
        "model_instance_name": "m_0",
        "model_instance_device_id": "0",
        "model_repository": str(folder.path),
        "model_version": "1",
        "model_name": "m",
        "request_id": "r1",
        "parameters": {"custom": "a", "weight": 0.5},
        "timeout": 5000,
        "correlation_id": 7,
        "flags": 1,
        "outputs": ["Y"],
        "cancelled": False,
        "model_dir": str(folder.path / "1"),
        "cwd": os.getcwd(),
    }


def test_what_the_model_logs_is_in_the_servers_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = """
    class TritonPythonModel:
        def initialize(self, args):
            pb_utils.Logger.log_verbose("small")
            pb_utils.Logger.log("large " * 20_000, pb_utils.Logger.WARNING)
        def finalize(self):
            pb_utils.Logger.log_info("bye")
        def execute(self, requests):
            return []
    """
    caplog.set_level(logging.DEBUG)
    with write_model(tmp_path, source).loaded():
        pass
    lines = [(r.levelname, r.getMessage(), r.__dict__["model"]) for r in caplog.records if "instance" in r.__dict__]
    assert lines == [("DEBUG", "small", "m"), ("WARNING", "large " * 20_000, "m"), ("INFO", "bye", "m")]


def test_modules_beside_the_model_are_found_either_way(tmp_path: Path) -> None:
    source = """
    from .beside import FIVE
    import beside
    class TritonPythonModel:
        def execute(self, requests):
            return [y([FIVE, beside.FIVE]) for _ in requests]
    """
    folder = write_model(tmp_path, source)
    (folder.path / "1" / "beside.py").write_text("FIVE = 5\n")
    with folder.loaded() as backend:
        assert outputs(backend, ask())["Y"].tolist() == [5, 5]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nonsense_package", "ModuleNotFoundError: No module named 'nonsense_package'"),
        ("a =", "SyntaxError: invalid syntax (model.py, line 11)"),
        ("class Model: ...", "model.py defines no class TritonPythonModel"),
        ("class TritonPythonModel: ...", "TritonPythonModel does not implement `execute`"),
        ("class TritonPythonModel:\n  def execute(self, r): ...\n  def initialize(self, a): raise OSError('no\\ndisk')",
         "OSError: no disk"),
        ("os._exit(4)", "its process stopped (exit code 4)"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_load_says_why_in_one_line(tmp_path: Path, source: str, message: str) -> None:
    folder = write_model(tmp_path, source)
    with pytest.raises(StartupError) as raised:
        folder.load()
    assert str(raised.value) == f"model 'm' instance 'm_0' did not start: {message}"


def test_what_cannot_run_here_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "")
    folder.message.default_model_filename = "other.py"
    with pytest.raises(ConfigError, match=r"model 'm': version 1 has no file 'other\.py'"):
        folder.load()
    folder.message.parameters["EXECUTION_ENV_PATH"].string_value = "env.tar.gz"
    with pytest.raises(ConfigError, match="parameters has EXECUTION_ENV_PATH"):
        folder.load()


def test_a_configuration_is_completed_by_the_model(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        @staticmethod
        def auto_complete_config(config):
            config.set_max_batch_size(4)
            config.set_dynamic_batching()
            config.add_input({"name": "X", "data_type": "TYPE_FP32", "dims": [3], "optional": True})
            config.add_output({"name": "Y", "data_type": "TYPE_FP32", "dims": [-1]})
            config.set_model_transaction_policy({"decoupled": False})
            return config
    """
    folder = write_model(tmp_path, source, "")
    completed = auto_complete(folder.message, folder.path, "1")
    assert (completed.name, completed.max_batch_size, completed.HasField("dynamic_batching")) == ("m", 4, True)
    assert [(i.name, list(i.dims), i.optional) for i in completed.input] == [("X", [3], True)]
    assert [(o.name, list(o.dims)) for o in completed.output] == [("Y", [-1])]


def test_a_configuration_stays_when_the_model_does_not_complete_it(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "raise SystemExit")
    assert auto_complete(folder.message, folder.path, "1") is folder.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "auto_complete_config returned NoneType, not a ModelConfig"),
        ("config.add_input({'name': 'X', 'data_type': 'TYPE_INT8', 'dims': [-1]})",
         "ValueError: model 'm', input 'X': the model expects data_type TYPE_INT8 but the model configuration "
         "specifies data_type TYPE_FP32"),
        ("os._exit(1)", "its process stopped (exit code 1)"),
        ("config.as_dict()['what'] = 1; return config",
         'the result is not a ModelConfig: Message type "inference.ModelConfig" has no field named "what"'),
    ],
)  # fmt: skip
def test_a_model_that_cannot_complete_its_configuration_says_why(tmp_path: Path, body: str, message: str) -> None:
    source = f"""
    class TritonPythonModel:
        @classmethod
        def auto_complete_config(cls, config):
            {body}
    """
    folder = write_model(tmp_path, source)
    with pytest.raises(StartupError) as raised:
        auto_complete(folder.message, folder.path, "1")
    assert str(raised.value).startswith(f"model 'm': auto_complete_config failed: {message}")


def test_a_file_beside_the_model_that_is_no_text_does_no_harm(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "class TritonPythonModel: pass", "")
    (folder.path / "1" / "data.py").write_bytes(b"\xff\xfe")
    (folder.path / "1" / "folder.py").mkdir()
    assert auto_complete(folder.message, folder.path, "1") == folder.message
