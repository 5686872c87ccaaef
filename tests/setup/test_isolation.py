import socket

import pytest
import requests

from tests.conftest import LeftTheMachineError


def test_another_machine_cannot_be_reached() -> None:
    with socket.socket() as client, pytest.raises(LeftTheMachineError):
        client.connect(("192.0.2.1", 80))


def test_a_name_cannot_be_looked_up() -> None:
    with pytest.raises(LeftTheMachineError):
        requests.get("http://example.org/", timeout=1)


def test_loopback_can_be_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=2) as client,
    ):
        assert client.getpeername() == server.getsockname()
