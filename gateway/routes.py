"""The gateway's HTTP door: REST, its OpenAPI document, and the pages, whose every file is served from here.

It decides what lies under which path; what a call does is decided by `rest.py`.
"""

import json
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.door import Door
from gateway.methods import all_methods
from gateway.openapi import openapi
from gateway.problems import HttpProblem, problem_of
from gateway.rest import InFlight, RestMethod
from gateway.settings import GatewaySettings

_STATIC = Path(__file__).parent / "static"
_PAGES = {"/": "index.html", "/docs": "docs.html"}
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def routes(door: Door, settings: GatewaySettings, registry: CollectorRegistry) -> list[BaseRoute]:
    """One mounted application, so that wrong paths and methods are answered by problem documents too."""
    seconds = Histogram(
        "http_server_request_duration_seconds",
        "Seconds of a REST call, from its first byte to the last of its answer.",
        labelnames=("http_route", "http_response_status_code"),
        registry=registry,
    )
    limits, in_flight = settings.body_limits(), InFlight(settings.rest_max_in_flight)
    app = Starlette(
        routes=[
            *(Route(path, _page(file), methods=["GET"]) for path, file in _PAGES.items()),
            Route("/openapi.json", _openapi, methods=["GET"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
            *(
                Route(method.rest_path, RestMethod(method, door, limits, in_flight, seconds), methods=["POST"])
                for method in all_methods()
            ),
        ],
        exception_handlers={HTTPException: _problem},
    )
    return [Mount("/", app)]


def response_to(error: Exception) -> Response:
    """The problem document of a failure, as a whole answer."""
    problem = problem_of(error)
    return Response(problem.body() + b"\n", problem.status, problem.headers)


def _page(file: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return FileResponse(_STATIC / file, headers=_PAGE_HEADERS)

    return page


async def _openapi(_: Request) -> Response:
    return Response(_openapi_json(), media_type="application/json")


@cache
def _openapi_json() -> bytes:
    return json.dumps(openapi(), ensure_ascii=False).encode()


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = " or ".join(sorted(headers["Allow"].split(", ")))
        detail = f"{request.url.path} is not for {request.method}, only for {allowed}."
    elif error.status_code == 404:
        detail = f"There is nothing at {request.url.path}; /docs lists what there is."
    else:
        detail = error.detail
    return response_to(HttpProblem(error.status_code, detail, headers=headers))
