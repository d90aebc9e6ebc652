"""The local stack, with services of twenty lines: order, words and exit codes."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from deploy.stack import HOST, Service, Stack, StackError, run

FAKE = "tests.deploy.fake_service"
DETECTOR = Service("detector", FAKE, grpc_port=0, http_port=0)
RECOGNIZER = Service("recognizer", FAKE, grpc_port=0, http_port=0)
GATEWAY = Service("gateway", FAKE, grpc_port=0, http_port=0)


class Lines:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.said.append((name, line))

    def of(self, name: str) -> str:
        return "\n".join(line for who, line in self.said if who == name)

    def position(self, name: str, start: str) -> int:
        return next(i for i, (who, line) in enumerate(self.said) if who == name and line.startswith(start))


async def nothing(_: Stack) -> None:
    """Work that is done at once."""


async def test_the_gateway_starts_last_with_the_addresses_of_the_services_and_stops_first() -> None:
    lines = Lines()
    assert await run([DETECTOR, RECOGNIZER], GATEWAY, lines, nothing) == 0
    assert f"--detector=dns:///{HOST}:1" in lines.of("gateway")
    assert f"--recognizer=dns:///{HOST}:1" in lines.of("gateway")
    ready = max(lines.position("stack", f"{name} is ready") for name in ("detector", "recognizer"))
    assert ready < lines.position("stack", "starting gateway")
    assert lines.position("gateway", "drained") < lines.position("detector", "drained")
    assert lines.said[-1] == ("stack", "stopped")


async def test_a_service_without_a_model_is_left_out_until_there_is_one(tmp_path: Path) -> None:
    generator = Service("generator", FAKE, 0, 0, models=tmp_path)
    lines = Lines()
    assert await run([DETECTOR, generator], GATEWAY, lines, nothing) == 0
    assert f"generator is not started: there is no model in {tmp_path}" in lines.of("stack")
    assert "--generator" not in lines.of("gateway")
    (tmp_path / "fruits").mkdir()
    (tmp_path / "fruits" / "config.pbtxt").touch()
    assert await run([DETECTOR, generator], GATEWAY, lines, nothing) == 0
    assert f"--generator=dns:///{HOST}:1" in lines.of("gateway")


async def test_a_service_that_cannot_start_is_named_and_the_rest_is_stopped() -> None:
    lines = Lines()
    broken = Service("recognizer", FAKE, 0, 0, arguments=("--never-ready",))
    assert await run([DETECTOR, broken], GATEWAY, lines, nothing) == 1
    assert "recognizer ended with exit code 1; its last lines above say why." in lines.of("stack")
    assert "was told so" in lines.of("recognizer")
    assert lines.of("gateway") == ""
    assert "drained" in lines.of("detector")


async def test_a_service_that_dies_while_serving_stops_the_whole() -> None:
    lines = Lines()

    async def kill_the_detector(stack: Stack) -> None:
        os.kill(stack.processes["detector"].child.pid, signal.SIGKILL)
        await asyncio.Event().wait()

    assert await run([DETECTOR], GATEWAY, lines, kill_the_detector) == 1
    assert "detector was killed by SIGKILL; its last lines above say why." in lines.of("stack")
    assert "drained" in lines.of("gateway")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_everything_cleanly(number: signal.Signals) -> None:
    lines = Lines()

    async def be_told_to_stop(_: Stack) -> None:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    assert await run([DETECTOR], GATEWAY, lines, be_told_to_stop) == 0
    assert "drained" in lines.of("detector")


async def test_an_unclean_end_of_a_process_is_an_unclean_end_of_the_whole() -> None:
    lines = Lines()
    cut_off = Service("detector", FAKE, 0, 0, arguments=("--exit-code=3",))
    assert await run([cut_off], GATEWAY, lines, nothing) == 1
    assert lines.said[-1] == ("stack", "stopped, but not everything ended cleanly")


async def test_a_port_in_use_is_one_sentence_and_nothing_is_started() -> None:
    lines = Lines()
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert await run([DETECTOR], Service("gateway", FAKE, 0, http_port=port), lines, nothing) == 1
    assert f"Port {port}, for HTTP of the gateway, cannot be used (Address already in use); stop" in lines.of("stack")
    assert lines.of("detector") == ""


async def test_a_service_that_ended_can_be_started_again_at_its_old_address() -> None:
    lines = Lines()
    async with Stack([DETECTOR], GATEWAY, lines) as stack:
        await stack.start()
        detector = stack.processes["detector"]
        detector.kill()
        with pytest.raises(StackError, match="killed by SIGKILL"):
            await detector.ended()
        await stack.restart("detector")
        assert stack.processes["detector"] is not detector
    assert "--grpc-port 1 --http-port 2" in lines.of("detector")
