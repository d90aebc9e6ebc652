"""`make up`: every service and the gateway as processes of this machine, until Ctrl-C."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from deploy.stack import GATEWAY, HOST, SERVICES, Say, Stack, any_ports, run

_COLOURS = {"stack": "bold", "gateway": "cyan", "detector": "green", "generator": "yellow", "translator": "blue"}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="Run every service and the gateway.")
    parser.add_argument("--any-port", action="store_true", help="let the system choose the ports")
    any_port = parser.parse_args(arguments).any_port
    services, (gateway,) = (any_ports(*SERVICES), any_ports(GATEWAY)) if any_port else (SERVICES, (GATEWAY,))
    say = printer(Console(stderr=True))

    async def serve(stack: Stack) -> None:
        say("stack", addresses(stack))
        await asyncio.Event().wait()

    return asyncio.run(run(services, gateway, say, serve))


def printer(console: Console) -> Say:
    """Prints lines with the name of who speaks before them, each name in its colour."""

    def say(name: str, line: str) -> None:
        console.print(Text.assemble((f"{name:>10} │ ", _COLOURS.get(name, "magenta")), line), soft_wrap=True)

    return say


def addresses(stack: Stack) -> str:
    """Where people find the house."""
    ports = stack.ports["gateway"]
    return f"serving: http://{HOST}:{ports.http}/docs (REST), {HOST}:{ports.grpc} (gRPC); Ctrl-C stops"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
