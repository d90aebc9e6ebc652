import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
FOR_EVER = "3600"


def grpc_to(serving: dict[str, Any]) -> Any:
    options = [("grpc.max_receive_message_length", 64 << 20)]
    return grpc.aio.insecure_channel(f"127.0.0.1:{serving['grpc_port']}", options=options)


def http_to(serving: dict[str, Any]) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving['http_port']}")


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_process_says_where_it_serves_and_is_ready_on_both_ports(start_process: Any, tmp_path: Path) -> None:
    process = await start_process(f"--ports-file={tmp_path}/ports.json")
    serving = await process.event("serving")
    ports = json.loads((tmp_path / "ports.json").read_text())
    assert ports == {"grpc": serving["grpc_port"], "http": serving["http_port"]}
    async with grpc_to(serving) as channel, http_to(serving) as http:
        assert await channel.unary_unary("/test.Echo/Echo")(b"hello") == b"hello"
        for service in ("", "test.Echo"):
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == SERVING
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).json() == {"ready": True, "reasons": {}}
        exposition = (await http.get("/metrics")).text
        assert 'rpc_server_call_duration_seconds_count{rpc_method="test.Echo/Echo",' in exposition
        assert "imago_calls_in_flight 0.0" in exposition


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_process_told_to_stop_drains_closes_and_exits_with_0(start_process: Any, number: Any) -> None:
    process = await start_process("--lame-duck-s=0")
    await process.event("serving")
    process.send(number)
    for name in ("draining", "application drained", "application closed"):
        await process.event(name)
    assert (await process.event("stopped"))["exit_code"] == 0
    assert await process.exit_code() == 0


async def test_accepted_calls_of_every_kind_are_answered_in_full_after_the_signal(start_process: Any) -> None:
    process = await start_process("--lame-duck-s=0")
    serving = await process.event("serving")
    async with grpc_to(serving) as channel, http_to(serving) as http:
        unary = [channel.unary_unary("/test.Echo/Hold")(b"x") for _ in range(5)]
        stream = channel.unary_stream("/test.Echo/HoldStream")(b"y")
        page = asyncio.create_task(http.get("/hold"))
        for _ in (*unary, stream, page):
            await process.event("holding")
        process.send(signal.SIGTERM)
        assert (await process.event("draining"))["calls"] == 7
        process.release()
        assert [len(answer) for answer in await asyncio.gather(*unary)] == [10_000_000] * 5
        assert [message async for message in stream] == [b"y", b"y"]
        assert (await page).text == "held"
    assert await process.exit_code() == 0
    assert any('"stream cleaned up"' in line for line in process.lines)


async def test_a_draining_process_refuses_new_calls_but_answers_probes(start_process: Any) -> None:
    process = await start_process("--lame-duck-s=0")
    serving = await process.event("serving")
    async with grpc_to(serving) as channel, http_to(serving) as http:
        held = channel.unary_unary("/test.Echo/Hold")(b"")
        await process.event("holding")
        process.send(signal.SIGTERM)
        await process.event("draining")

        refused = await refusal(channel.unary_unary("/test.Echo/Echo")(b"late"))
        assert refused.code() is grpc.StatusCode.UNAVAILABLE
        assert "shutting down" in str(refused.details())
        page = await http.get("/hold")
        assert (page.status_code, page.json()["code"]) == (503, grpc.StatusCode.UNAVAILABLE.value[0])

        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="test.Echo"))
        assert answer.status == NOT_SERVING
        assert (await http.get("/livez")).status_code == 200
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"]["test.Echo"]) == (503, "shutting down")

        process.release()
        await held
    assert await process.exit_code() == 0


async def test_a_lame_duck_is_not_ready_but_takes_calls_and_a_second_signal_ends_it_with_1(start_process: Any) -> None:
    process = await start_process(f"--lame-duck-s={FOR_EVER}")
    serving = await process.event("serving")
    async with grpc_to(serving) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        process.send(signal.SIGTERM)
        assert (await watch.read()).status == NOT_SERVING
        assert await channel.unary_unary("/test.Echo/Echo")(b"still here") == b"still here"
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 1
        watch.cancel()


async def test_an_open_health_watch_does_not_hold_up_the_exit(start_process: Any) -> None:
    process = await start_process("--lame-duck-s=0", f"--drain-timeout-s={FOR_EVER}")
    serving = await process.event("serving")
    async with grpc_to(serving) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
        watch.cancel()


async def test_calls_that_outlast_the_drain_are_cut_off_counted_and_told_by_exit_code_3(start_process: Any) -> None:
    process = await start_process("--lame-duck-s=0", "--drain-timeout-s=0.2")
    serving = await process.event("serving")
    async with grpc_to(serving) as channel, http_to(serving) as http:
        held = channel.unary_unary("/test.Echo/Hold")(b"")
        stream = channel.unary_stream("/test.Echo/HoldStream")(b"")
        page = asyncio.create_task(http.get("/hold"))
        for _ in (held, stream, page):
            await process.event("holding")
        process.send(signal.SIGTERM)
        assert (await process.event("cut off"))["calls"] == 3
        assert (await refusal(held)).code() is grpc.StatusCode.UNAVAILABLE
        assert (await page).status_code == 500
        await process.event("stream cleaned up")
        await process.event("application closed")
        assert await process.exit_code() == 3
        stream.cancel()


async def test_a_handler_that_shrugs_off_being_cancelled_does_not_keep_the_process(start_process: Any) -> None:
    process = await start_process("--stubborn", "--lame-duck-s=0", "--drain-timeout-s=0.1", "--close-timeout-s=0.1")
    serving = await process.event("serving")
    async with grpc_to(serving) as channel:
        held = channel.unary_unary("/test.Echo/Hold")(b"")
        await process.event("holding")
        process.send(signal.SIGTERM)
        await process.event("application closed")
        assert await process.exit_code() == 3
        held.cancel()


async def test_until_start_is_done_the_process_lives_but_is_not_ready_and_stops_when_told(start_process: Any) -> None:
    process = await start_process("--start=hangs", f"--lame-duck-s={FOR_EVER}")
    starting = await process.event("starting")
    async with grpc_to(starting) as channel, http_to(starting) as http:
        assert (await http.get("/livez")).status_code == 200
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"][""]) == (503, "starting")
        assert (await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING
    process.send(signal.SIGTERM)
    await process.event("application closed")
    assert await process.exit_code() == 0


async def test_an_application_that_cannot_start_is_one_line_and_exit_code_1(start_process: Any) -> None:
    process = await start_process("--start=fails")
    assert await process.exit_code() == 1
    (line,) = [json.loads(line) for line in process.lines if json.loads(line)["level"] == "CRITICAL"]
    assert line["message"] == "cannot start: model 'a' is broken"
    assert "exc_info" not in line
    assert "exit_code" not in process.lines[-1], "nothing claims that it stopped as asked"


async def test_a_bug_in_start_is_logged_with_its_traceback_and_exit_code_1(start_process: Any) -> None:
    process = await start_process("--start=crashes")
    assert await process.exit_code() == 1
    (line,) = [json.loads(line) for line in process.lines if json.loads(line)["level"] == "CRITICAL"]
    assert "ValueError: a bug" in line["exc_info"]


@pytest.mark.parametrize("setting", ["grpc-port", "http-port"])
async def test_a_port_in_use_is_one_line_that_names_it_and_exit_code_1(start_process: Any, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await start_process(f"--{setting}={port}")
        assert await process.exit_code() == 1
    (line,) = process.lines
    expected = f"cannot start: {setting.replace('-', '_')} {port}: cannot listen on 127.0.0.1:{port}: Address already"
    assert json.loads(line)["message"].startswith(expected)


async def test_a_second_process_cannot_share_the_grpc_port_of_the_first(start_process: Any) -> None:
    serving = await (await start_process()).event("serving")
    second = await start_process(f"--grpc-port={serving['grpc_port']}")
    assert await second.exit_code() == 1


async def test_a_bad_setting_is_one_line_and_exit_code_2(start_process: Any) -> None:
    process = await start_process("--log-level=loud")
    assert await process.exit_code() == 2
    (line,) = process.lines
    assert line.startswith("echo: --log-level (IMAGO_LOG_LEVEL) is 'loud': ")


async def test_a_ports_file_that_cannot_be_written_stops_the_start_by_name(start_process: Any, tmp_path: Path) -> None:
    process = await start_process(f"--ports-file={tmp_path}/nowhere/ports.json")
    assert await process.exit_code() == 1
    assert any(f"ports_file {tmp_path}/nowhere/ports.json" in line for line in process.lines)
