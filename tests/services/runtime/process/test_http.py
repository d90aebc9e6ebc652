import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.runtime.process.admission import Admission
from services.runtime.process.health import Health
from services.runtime.process.http import HttpServer, new_app
from services.runtime.process.ports import listen
from services.runtime.telemetry import Metrics


class Page:
    """An application's route that may be held open."""

    def __init__(self) -> None:
        self.entered, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Request) -> Response:
        self.entered.set()
        await self.may_end.wait()
        return PlainTextResponse("page")


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def admission() -> Admission:
    return Admission()


@pytest.fixture
async def http(page: Page, health: Health, admission: Admission) -> AsyncIterator[httpx.AsyncClient]:
    async def route(request: Request) -> Response:
        return await page(request)

    listener = listen("127.0.0.1", 0, "http_port")
    port = listener.getsockname()[1]
    server = HttpServer(new_app(health, admission, Metrics(), [Route("/page", route)]), listener)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    await server.stop()


async def test_livez_answers_as_long_as_the_loop_turns(http: httpx.AsyncClient) -> None:
    answer = await http.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})


async def test_readyz_gives_a_reason_for_each_name_that_does_not_serve(http: httpx.AsyncClient, health: Health) -> None:
    health.set("face_mmod", False, reason="warming up")
    answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reasons": {"": "starting", "face_mmod": "warming up"}}


async def test_a_process_is_ready_though_one_of_its_models_is_not(http: httpx.AsyncClient, health: Health) -> None:
    health.set("", True)
    health.set("face_mmod", False, reason="crashed")
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": {"face_mmod": "crashed"}})


async def test_metrics_are_prometheus_text(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"nv_inference_count", "imago_queue_seconds", "process_open_fds"} <= names


async def test_a_page_is_inside_while_it_is_answered(http: httpx.AsyncClient, page: Page, admission: Admission) -> None:
    call = asyncio.create_task(http.get("/page"))
    await page.entered.wait()
    assert admission.inside == 1
    page.may_end.set()
    assert (await call).text == "page"
    await admission.empty()


async def test_a_closed_admission_refuses_pages_with_a_status_object_and_still_answers_probes(
    http: httpx.AsyncClient, admission: Admission
) -> None:
    admission.close()
    answer = await http.get("/page")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    status: dict[str, Any] = answer.json()
    assert (status["code"], status["details"]) == (14, [])
    assert "shutting down" in status["message"]
    assert [(await http.get(path)).status_code for path in ("/livez", "/readyz", "/metrics")] == [200, 503, 200]
