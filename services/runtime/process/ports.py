"""Decides which sockets a process listens on, and says in one sentence why it cannot."""

import json
import socket
from pathlib import Path

from services.runtime.errors import StartupError


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening TCP socket.

    Raises:
        StartupError: the port is taken or forbidden, or the host is none of this machine's; names `setting`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # `create_server` adds the address once more
        raise StartupError(f"{setting} {port}: cannot listen on {address(host, port)}: {reason}") from None
    # Its connections inherit it. Without it an answer's body waits 40 ms for the client to acknowledge the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def check_free(host: str, port: int, setting: str) -> None:
    """Find out whether `port` could be listened on, with the errno that gRPC would only print; raises as `listen`."""
    if port:
        listen(host, port, setting).close()


def address(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 host."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def write_ports(path: Path, grpc_port: int, http_port: int) -> None:
    """Tell whoever watches `path` where this process listens; the file appears complete or not at all.

    Raises:
        StartupError: the file cannot be written.
    """
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(json.dumps({"grpc": grpc_port, "http": http_port}), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StartupError(f"ports_file {path}: cannot be written: {error.strerror}") from None
