"""What a configuration says to typed fronts."""

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from services.runtime.config import ModelConfig, finish_config, preprocess_of, threshold_of
from services.runtime.errors import ModelFailed


def config(name: str, **parameters: str) -> ModelConfig:
    text = "".join(f'parameters {{ key: "imago.{k}" value {{ string_value: {v!r} }} }}' for k, v in parameters.items())
    text += 'input { name: "x" data_type: TYPE_FP32 dims: [1] } output { name: "y" data_type: TYPE_FP32 dims: [1] }'
    return finish_config(text_format.Parse(text, model_config_pb2.ModelConfig(name=name)), None)


def test_a_models_own_settings_are_read() -> None:
    model = config("m", preprocess='{"longest_side": 640}', threshold="0.25")
    assert preprocess_of(model) == {"longest_side": 640}
    assert threshold_of(model) == 0.25
    assert (preprocess_of(config("m")), threshold_of(config("m"))) == ({}, 0.0)


@pytest.mark.parametrize("text", ["640", "{", "[1]"])
def test_a_preprocess_that_is_no_json_object_is_the_models_failure(text: str) -> None:
    with pytest.raises(ModelFailed, match="model 'm': imago.preprocess is '.*'; it must be a JSON object"):
        preprocess_of(config("m", preprocess=text))


def test_a_threshold_that_is_no_number_is_the_models_failure() -> None:
    with pytest.raises(ModelFailed, match="model 'm': imago.threshold is 'high'; it must be a number"):
        threshold_of(config("m", threshold="high"))
