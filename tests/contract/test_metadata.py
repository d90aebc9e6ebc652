"""What a server says of itself and its models."""

from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.text_format import Parse
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import InferenceServerClient, model_config_pb2
from tritonclient.grpc.aio import InferenceServerClient as AioClient

from tests.contract.tensors import add_sub_inputs
from tests.processes import ServerProcess

Status = health_pb2.HealthCheckResponse
MODELS = ["add_sub", "gate", "repeat", "scores", "simple", "strings"]


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield channel


def test_health_metadata(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple")
    assert client.is_model_ready("simple", "1")
    assert not client.is_model_ready("simple", "2")
    assert not client.is_model_ready("none")
    assert client.get_server_metadata().name == "imago"
    assert "statistics" in client.get_server_metadata().extensions


async def test_aio_health_metadata(aio_client: AioClient) -> None:
    assert await aio_client.is_server_live()
    assert await aio_client.is_server_ready()
    assert await aio_client.is_model_ready("simple")
    assert (await aio_client.get_server_metadata(as_json=True))["name"] == "imago"


def test_model_metadata(client: InferenceServerClient) -> None:
    metadata = client.get_model_metadata("simple")
    assert (metadata.name, list(metadata.versions), metadata.platform) == ("simple", ["1", "3"], "onnxruntime")
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [
        ("INPUT0", "INT32", [-1, 16]),
        ("INPUT1", "INT32", [-1, 16]),
    ]
    unbatched = client.get_model_metadata("repeat")
    assert [(t.name, t.datatype, list(t.shape)) for t in unbatched.outputs] == [
        ("OUT", "INT32", [1]),
        ("IDX", "UINT32", [1]),
    ]


@pytest.mark.parametrize("model", MODELS)
def test_model_config(client: InferenceServerClient, repository: Path, model: str) -> None:
    config = client.get_model_config(model).config
    written = Parse((repository / model / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    assert config.name == model
    assert (config.input, config.output, config.max_batch_size) == (
        written.input,
        written.output,
        written.max_batch_size,
    )
    assert config.model_transaction_policy == written.model_transaction_policy


def test_statistics_grow_with_every_request(client: InferenceServerClient) -> None:
    before = client.get_inference_statistics("simple", "1").model_stats[0]
    for rows in (1, 4):
        client.infer("simple", add_sub_inputs(rows), model_version="1")
    after = client.get_inference_statistics("simple", "1").model_stats[0]
    assert after.inference_count - before.inference_count == 5
    assert after.execution_count - before.execution_count == 2
    for phase in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        was, now = (getattr(each.inference_stats, phase) for each in (before, after))
        assert now.count - was.count == 2
        assert now.ns >= was.ns
    assert {1, 4} <= {batch.batch_size for batch in after.batch_stats}
    assert after.last_inference >= before.last_inference


def test_statistics_of_everything(client: InferenceServerClient) -> None:
    everything = client.get_inference_statistics().model_stats
    assert [(each.name, each.version) for each in everything if each.name == "simple"] == [
        ("simple", "1"),
        ("simple", "3"),
    ]
    assert sorted({each.name for each in everything}) == MODELS
    assert [each.version for each in client.get_inference_statistics("simple").model_stats] == ["1", "3"]


def test_repository_index(client: InferenceServerClient) -> None:
    index = client.get_model_repository_index().models
    assert sorted({model.name for model in index}) == MODELS
    assert {(model.version, model.state) for model in index if model.name == "simple"} == {
        ("1", "READY"),
        ("3", "READY"),
    }


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService", *MODELS])
def test_health_check_and_watch(channel: grpc.Channel, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert stub.Check(request).status == Status.SERVING
    watch = stub.Watch(request)
    assert next(watch).status == Status.SERVING
    watch.cancel()


def test_health_of_an_unknown_name(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="none")
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Check(request)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(request)
    assert next(watch).status == Status.SERVICE_UNKNOWN
    watch.cancel()


def test_reflection_describes_every_method(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(database.get_services())
    service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
    assert len(service.methods) == 20
    assert "raw_input_contents" in service.methods_by_name["ModelInfer"].input_type.fields_by_name


def test_metrics_have_tritons_names(client: InferenceServerClient, server: ServerProcess) -> None:
    client.infer("simple", add_sub_inputs())
    with urlopen(f"{server.http_url}/metrics") as response:
        exposition = response.read().decode()
    assert 'nv_inference_request_success{model="simple",version="3"}' in exposition
    assert "imago_queue_seconds_bucket" in exposition
