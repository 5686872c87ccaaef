"""The guarded network: platforms that hang up in the middle of an answer."""

import socket
import threading

import pytest

from lti.errors import ServiceFailed
from lti.http import GuardedHttp
from lti.registration import NetworkPolicy


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", b"no HTTP at all\r\n\r\n"],
    ids=["nothing", "a part", "nonsense"],
)
def test_b19_an_answer_that_breaks_off_is_none_and_worth_another_try(said: bytes) -> None:
    def hang_up(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        platform = threading.Thread(target=hang_up, args=(listener,), daemon=True)
        platform.start()
        with pytest.raises(ServiceFailed) as failed:
            GuardedHttp().get_json(f"http://127.0.0.1:{listener.getsockname()[1]}/", NetworkPolicy(demo=True))
        platform.join(timeout=5)
    assert (failed.value.reason, failed.value.permanent) == ("platform_unreachable", False)
