import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from services.runtime.process.health import Health
from tests.services.runtime.process.conftest import Serve

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def stub(serve: Serve, health: Health) -> HealthStub:
    return HealthStub(await serve(register=health.add_to))


async def test_the_process_begins_as_not_serving(health: Health, stub: HealthStub) -> None:
    assert (await stub.Check(HealthCheckRequest())).status == NOT_SERVING
    assert health.reasons() == {"": "starting"}
    assert not health.serving()


async def test_each_name_serves_on_its_own(health: Health, stub: HealthStub) -> None:
    health.set("", True)
    health.set("face_hog", True)
    health.set("face_mmod", False, reason="its child process is restarting")
    statuses = [(await stub.Check(HealthCheckRequest(service=s))).status for s in ("", "face_hog", "face_mmod")]
    assert statuses == [SERVING, SERVING, NOT_SERVING]
    assert health.reasons() == {"face_mmod": "its child process is restarting"}


async def test_check_of_an_unknown_name_is_not_found_and_says_the_name(stub: HealthStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Check(HealthCheckRequest(service="nobody"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "health: service 'nobody' is unknown here"


async def test_watch_tells_the_state_at_once_and_every_change(health: Health, stub: HealthStub) -> None:
    watch = stub.Watch(HealthCheckRequest())
    assert (await watch.read()).status == NOT_SERVING
    health.set("", True)
    assert (await watch.read()).status == SERVING
    health.set("", True)
    health.set("other", True)
    health.set("", False)
    assert (await watch.read()).status == NOT_SERVING
    watch.cancel()


async def test_watch_of_an_unknown_name_waits_until_it_becomes_known(health: Health, stub: HealthStub) -> None:
    watch = stub.Watch(HealthCheckRequest(service="late"))
    assert (await watch.read()).status == SERVICE_UNKNOWN
    health.set("late", True)
    assert (await watch.read()).status == SERVING
    watch.cancel()


async def test_every_watcher_hears_of_a_change_and_one_that_leaves_takes_nobody_along(
    health: Health, stub: HealthStub
) -> None:
    watches = [stub.Watch(HealthCheckRequest()) for _ in range(3)]
    assert [(await watch.read()).status for watch in watches] == [NOT_SERVING] * 3
    watches.pop().cancel()
    health.set("", True)
    assert [(await watch.read()).status for watch in watches] == [SERVING] * 2
    for watch in watches:
        watch.cancel()


async def test_after_shut_down_nothing_serves_whatever_is_set(health: Health, stub: HealthStub) -> None:
    health.set("", True)
    health.set("model", True)
    watch = stub.Watch(HealthCheckRequest(service="model"))
    assert (await watch.read()).status == SERVING
    health.shut_down("shutting down")
    assert (await watch.read()).status == NOT_SERVING
    health.set("model", True)
    health.set("newcomer", True)
    assert (await stub.Check(HealthCheckRequest(service="model"))).status == NOT_SERVING
    assert health.reasons() == {"": "shutting down", "model": "shutting down"}
    watch.cancel()
