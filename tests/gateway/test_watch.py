import asyncio
from contextlib import AsyncExitStack

from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime.process.health import Health
from tests.gateway.fakes import Detector, Gateway, gateway, healthy, nobody, serving

DETECTOR = "imago.v1.DetectorService"


async def told(door: Gateway, service: str, serves: bool) -> None:
    """Returns when the gateway's own health service says so."""
    updates = health_pb2_grpc.HealthStub(door.channel).Watch(health_pb2.HealthCheckRequest(service=service), timeout=10)
    async for update in updates:
        if (update.status == health_pb2.HealthCheckResponse.SERVING) is serves:
            break
    updates.cancel()


async def readyz(door: Gateway) -> tuple[int, dict[str, str]]:
    response = await door.http.get("/readyz")
    return response.status_code, response.json()["reasons"]


async def test_the_gateway_is_not_ready_before_every_configured_service_is() -> None:
    health = Health()
    services = serving(Detector(), health), serving(Detector())
    async with services[0] as address, services[1] as other, gateway(detector=address, generator=other) as door:
        await told(door, "imago.v1.GeneratorService", True)
        status, reasons = await readyz(door)
        assert status == 503
        assert reasons[""] == f"waiting for detector at {address}"
        assert not door.ready.done()
        health.set("", True)
        await asyncio.wait_for(door.ready, 10)
        assert door.health.serving(DETECTOR)


async def test_a_gateway_without_services_is_ready_at_once() -> None:
    async with gateway() as door:
        await asyncio.wait_for(door.ready, 5)


async def test_a_service_that_is_lost_is_named_and_does_not_close_the_door_for_the_others() -> None:
    health = healthy()
    async with serving(Detector(), health) as address, gateway(detector=address) as door:
        await asyncio.wait_for(door.ready, 10)
        door.health.set("", True)  # as the process does once the application has started
        health.set("", False)
        await told(door, DETECTOR, False)
        assert await readyz(door) == (200, {DETECTOR: f"detector at {address} is not reachable or not ready"})
        health.set("", True)
        await told(door, DETECTOR, True)
        assert await readyz(door) == (200, {})


async def test_a_service_that_comes_back_at_its_address_is_found_again() -> None:
    address = nobody()
    async with gateway(detector=address) as door:
        await told(door, DETECTOR, False)
        async with AsyncExitStack() as later:
            await later.enter_async_context(serving(Detector(), port=int(address.partition(":")[2])))
            await asyncio.wait_for(door.ready, 10)
