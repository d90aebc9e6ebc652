"""Every failure over REST is a problem document that names what was wrong."""

import asyncio
from typing import Any

import grpc
import httpx
import pytest

from services.runtime.errors import (
    DeadlineExpired,
    ImagoError,
    InvalidInput,
    ModelFailed,
    NotFound,
    Overloaded,
    Unavailable,
    Unsupported,
)
from services.runtime.process.status import code_of, trailers_of
from tests.gateway.fakes import MIB, Context, Detector, Gateway, gateway, hang_until, nobody, serving

FACES = "/v1/detector:detectFaces"
STREAM = "/v1/detector:detectStream"
GENERATE = "/v1/generator:generate"
EXPECTED = "expected image, request (other fields as JSON in 'request')"
NDJSON = {"content-type": "application/x-ndjson"}


def problem(response: httpx.Response) -> tuple[int, str, str]:
    """HTTP status, gRPC code and sentence, after checking the form."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == response.status_code
    assert document["title"]
    return response.status_code, document["code"], document["detail"]


def failing(error: ImagoError) -> Any:
    async def fail(_: Any, context: Context) -> None:
        await context.abort(code_of(error), str(error), trailers_of(error))

    return fail


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("upsample is 9, at most 4", field="upsample"), 400),
        (NotFound("model 'x' is not here"), 404),
        (Unsupported("no such thing"), 501),
        (Overloaded("the queue is full"), 429),
        (DeadlineExpired("too late"), 504),
        (Unavailable("warming up"), 503),
        (ModelFailed("the model raised"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ImagoError) else str(value),
)
async def test_a_services_failure_keeps_its_code_and_its_words(error: ImagoError, status: int) -> None:
    detector = Detector(first=failing(error))
    async with serving(detector) as address, gateway(detector=address, retry_attempts=1) as door:
        response = await door.http.post(FACES, json={})
    assert problem(response) == (status, code_of(error).name, str(error))


async def test_a_wrong_field_is_a_violation() -> None:
    detector = Detector(first=failing(InvalidInput("upsample is 9, at most 4", field="upsample")))
    async with serving(detector) as address, gateway(detector=address) as door:
        document = (await door.http.post(FACES, json={})).json()
    assert document["violations"] == [{"field": "upsample", "description": "upsample is 9, at most 4"}]


@pytest.mark.parametrize(("seconds", "header"), [(0.1, "1"), (2.5, "3")])
async def test_a_full_service_says_when_to_come_back_in_whole_seconds(seconds: float, header: str) -> None:
    detector = Detector(first=failing(Overloaded("full", retry_after_s=seconds)))
    async with serving(detector) as address, gateway(detector=address) as door:
        assert (await door.http.post(FACES, json={})).headers["retry-after"] == header


async def test_a_service_that_is_down_is_unavailable_with_its_address_and_no_word_of_repeating() -> None:
    address = nobody()
    async with gateway(detector=address, retry_attempts=1) as door:
        response = await door.http.post(FACES, json={})
    assert problem(response) == (503, "UNAVAILABLE", f"detector at {address} is not reachable.")
    assert "retry-after" not in response.headers


async def test_a_gateway_that_ends_refuses_with_a_problem_and_says_that_another_try_may_help() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        door.admission.close()
        refused = await door.http.post(FACES, json={})
    sentence = "this server is shutting down and takes no new calls; another replica will"
    assert problem(refused) == (503, "UNAVAILABLE", sentence)
    assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")


async def test_a_service_that_is_not_configured_names_its_setting() -> None:
    async with gateway() as door:
        response = await door.http.post("/v1/translator:translate", json={})
    sentence = "This gateway has no translator: IMAGO_TRANSLATOR (--translator) is not set."
    assert problem(response) == (501, "UNIMPLEMENTED", sentence)


async def test_a_deadline_that_passes_is_a_gateway_timeout() -> None:
    async with serving(Detector(first=hang_until(asyncio.Event()))) as address, gateway(detector=address) as door:
        response = await door.http.post(FACES, json={}, headers={"Grpc-Timeout": "100m"})
    sentence = f"detector at {address} did not answer before the deadline."
    assert problem(response) == (504, "DEADLINE_EXCEEDED", sentence)


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/v2/nothing", 404, "There is nothing at /v2/nothing; /docs lists what there is."),
        ("POST", "/v1/detector:paint", 404, "There is nothing at /v1/detector:paint; /docs lists what there is."),
        ("GET", FACES, 405, f"{FACES} is not for GET, only for POST."),
        ("POST", "/docs", 405, "/docs is not for POST, only for GET or HEAD."),
    ],
)
async def test_wrong_paths_and_methods_are_problems_too(method: str, path: str, status: int, sentence: str) -> None:
    async with gateway() as door:
        response = await door.http.request(method, path)
    got, _, detail = problem(response)
    assert (got, detail) == (status, sentence)
    assert (status == 405) == ("allow" in response.headers)


@pytest.mark.parametrize(
    ("content_type", "path", "sentence"),
    [
        ("text/plain", FACES, f"{FACES} takes application/json or multipart/form-data, not text/plain."),
        ("", FACES, f"{FACES} takes application/json or multipart/form-data, and the content-type is not set."),
        ("application/json", STREAM, f"{STREAM} takes application/x-ndjson, not application/json."),
        ("multipart/form-data", GENERATE, f"{GENERATE} takes application/json, not multipart/form-data."),
    ],
)
async def test_a_media_type_that_nobody_reads_is_refused_with_those_that_are(
    content_type: str, path: str, sentence: str
) -> None:
    async with gateway() as door:
        headers = {"content-type": content_type} if content_type else {}
        assert problem(await door.http.post(path, content=b"{}", headers=headers)) == (
            415,
            "INVALID_ARGUMENT",
            sentence,
        )


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"{", "", "Failed to load JSON"),
        (b"[1]", "", "expected a JSON object with the fields of DetectFacesRequest"),
        (b'"text"', "", "expected a JSON object"),
        (b"\xff\xfe", "", "expected a JSON object"),
        (b'{"model": "\xff"}', "", "utf-8"),
        (b'{"a":' * 100_000, "", ""),
        (b'{"modle": "x"}', "modle", 'no field named "modle"'),
        (b'{"upsample": -1}', "upsample", "-1"),
        (b'{"upsample": 4294967296}', "upsample", "4294967296"),
        (b'{"upsample": "many"}', "upsample", "many"),
        (b'{"largestOnly": 3}', "largestOnly", ""),
        (b'{"image": {"encoded": "a"}}', "image.encoded", ""),
        (b'{"image": "/9j/4AAQ"}', "image", "image must be a JSON object with some of the fields encoded, raw"),
        (b'{"haar": 3}', "haar", "haar must be a JSON object with some of the fields scaleFactor, minNeighbours"),
        (b'{"image": {"encoded": "", "raw": {}}}', "image", "oneof"),
    ],
    ids=range(15),
)
async def test_json_that_is_no_request_names_the_field(body: bytes, field: str, words: str) -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        response = await door.http.post(FACES, content=body, headers={"content-type": "application/json"})
    status, code, sentence = problem(response)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert words in sentence
    assert len(sentence) <= 300
    violations = response.json().get("violations", [])
    assert [violation["field"] for violation in violations] == ([field] if field else [])


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"picture": ("p.jpg", b"x")}, f"part 'picture' is unknown; {EXPECTED}"),
        ({"model": (None, b"m")}, f"part 'model' is unknown; {EXPECTED}"),
        ({"image": (None, b"x")}, "part 'image' is no file; send it with a filename, as in -F image=@photo.jpg"),
        ([("image", ("a", b"x")), ("image", ("b", b"y"))], "image is given twice"),
        ({"image": ("a", b"x"), "request": (None, b'{"image": {"encoded": ""}}')}, "image is given twice"),
    ],
    ids=["unknown file", "unknown field", "no filename", "two files", "file and JSON"],
)
async def test_a_wrong_part_of_a_multipart_body_is_named(files: Any, sentence: str) -> None:
    async with gateway() as door:
        assert problem(await door.http.post(FACES, files=files)) == (400, "INVALID_ARGUMENT", sentence)


@pytest.mark.parametrize(
    "body", [b"", b"no boundary in here", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"]
)
@pytest.mark.parametrize("boundary", ["; boundary=b", ""])
async def test_a_multipart_body_that_cannot_be_read_is_the_callers_mistake(body: bytes, boundary: str) -> None:
    headers = {"content-type": f"multipart/form-data{boundary}"}
    async with serving(Detector()) as address, gateway(detector=address) as door:
        response = await door.http.post(FACES, content=body, headers=headers)
    if body or not boundary:
        assert problem(response)[:2] == (400, "INVALID_ARGUMENT")


async def chunks(size: int) -> Any:
    for _ in range(size // MIB):
        yield b" " * MIB


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=b"])
async def test_a_body_above_the_limit_is_refused_while_it_arrives(announced: bool, content_type: str) -> None:
    start = b"--b\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n"

    async def body() -> Any:
        yield start if content_type.startswith("multipart") else b""
        async for chunk in chunks(3 * MIB):
            yield chunk

    detector = Detector()
    async with serving(detector) as address, gateway(detector=address, rest_body_mib=2) as door:
        content: Any = start + b" " * 3 * MIB if announced else body()
        response = await door.http.post(FACES, content=content, headers={"content-type": content_type})
    assert problem(response) == (413, "RESOURCE_EXHAUSTED", "The body, or one line of it, is larger than 2 MiB.")
    assert detector.calls == 0


async def test_a_line_above_the_limit_ends_a_stream() -> None:
    async with serving(Detector()) as address, gateway(detector=address, rest_body_mib=1) as door:
        response = await door.http.post(STREAM, content=chunks(2 * MIB), headers=NDJSON)
    assert problem(response)[0] == 413


async def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    async with gateway(rest_body_timeout_s=0.05) as door:
        reader, writer = await asyncio.open_connection(*door.http_address)
        head = f"POST {FACES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 15)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_more_calls_than_allowed_are_refused_at_once_and_come_in_again_later() -> None:
    leave, arrived = asyncio.Event(), asyncio.Event()

    async def stay(_: Any, __: Context) -> None:
        arrived.set()
        await leave.wait()

    async with serving(Detector(first=stay)) as address, gateway(detector=address, rest_max_in_flight=1) as door:
        first = asyncio.create_task(door.http.post(FACES, json={}))
        await asyncio.wait_for(arrived.wait(), 10)
        refused = await door.http.post(FACES, json={})
        assert problem(refused) == (429, "RESOURCE_EXHAUSTED", "This gateway already answers 1 REST calls.")
        assert refused.headers["retry-after"] == "1"
        leave.set()
        assert (await first).status_code == 200
        assert (await door.http.post(FACES, json={})).status_code == 200


@pytest.mark.parametrize("value", ["5", "S", "123456789S", "-1S", "5s"])
async def test_a_timeout_that_cannot_be_read_is_refused(value: str) -> None:
    async with gateway() as door:
        response = await door.http.post(FACES, json={}, headers={"Grpc-Timeout": value})
    status, _, sentence = problem(response)
    assert status == 400
    assert f"header Grpc-Timeout is '{value}'" in sentence


async def test_a_defect_of_the_gateway_is_told_by_a_number_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def no_protobuf(door: Gateway) -> httpx.Response:
        return await door.http.post(FACES, json={})

    class Gibberish:
        def add_to(self, server: grpc.aio.Server) -> None:
            async def answer(_: bytes, __: Context) -> bytes:
                return b"\xff\xff\xff"

            method = grpc.unary_unary_rpc_method_handler(answer)
            handler = grpc.method_handlers_generic_handler("imago.v1.DetectorService", {"DetectFaces": method})
            server.add_generic_rpc_handlers((handler,))

    async with serving(Gibberish()) as address, gateway(detector=address) as door:
        status, code, sentence = problem(await no_protobuf(door))
    assert (status, code) == (500, "INTERNAL")
    assert sentence.startswith("internal error ")
    assert "DecodeError" in caplog.text
