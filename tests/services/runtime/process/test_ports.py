import json
import socket
from pathlib import Path

import pytest

from services.runtime.errors import StartupError
from services.runtime.process.ports import address, check_free, listen, write_ports


def test_a_free_port_is_listened_on() -> None:
    with listen("127.0.0.1", 0, "http_port") as listener, socket.create_connection(listener.getsockname()):
        pass


def test_a_port_in_use_is_a_sentence_that_names_setting_and_address() -> None:
    with listen("127.0.0.1", 0, "http_port") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(StartupError) as caught:
            check_free("127.0.0.1", port, "grpc_port")
    assert str(caught.value) == f"grpc_port {port}: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_host_that_is_not_ours_is_a_sentence() -> None:
    with pytest.raises(StartupError, match=r"http_port 0: cannot listen on \[fe80::1\]:0: \w.*$"):
        listen("fe80::1", 0, "http_port")


def test_an_ipv6_host_gets_brackets() -> None:
    assert address("::1", 80) == "[::1]:80"
    assert address("127.0.0.1", 80) == "127.0.0.1:80"


def test_the_ports_file_replaces_an_older_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    write_ports(path, 1, 2)
    write_ports(path, 3, 4)
    assert json.loads(path.read_text()) == {"grpc": 3, "http": 4}
    assert list(tmp_path.iterdir()) == [path]


def test_an_answer_is_sent_at_once_however_short_its_parts() -> None:
    with listen("127.0.0.1", 0, "http_port") as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
