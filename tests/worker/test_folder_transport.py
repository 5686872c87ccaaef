"""The folder broker: a reader never meets half a message, and nothing is lost between many hands."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from bridge.settings import Settings
from bridge.worker.celery_app import celery_app


@pytest.fixture
def channel(tmp_path: Path) -> Any:
    app = celery_app(Settings(data=tmp_path))
    with app.connection_for_write() as connection:
        yield connection.channel()


def test_a_message_that_is_being_written_is_not_there_yet(
    channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    rename = os.replace

    def look_first(draft: Path, name: Path) -> None:
        with pytest.raises(Empty):
            channel._get("celery")
        seen.append(Path(draft).read_text())
        rename(draft, name)

    monkeypatch.setattr(os, "replace", look_first)
    channel._put("celery", {"body": "whole"})
    assert seen == ['{"body": "whole"}']
    assert channel._get("celery") == {"body": "whole"}
    with pytest.raises(Empty):
        channel._get("celery")


def test_what_many_write_while_one_reads_comes_whole_and_once(channel: Any) -> None:
    got: list[int] = []
    with ThreadPoolExecutor(4) as writers:
        done = [writers.submit(channel._put, "celery", {"number": n}) for n in range(200)]
        while len(got) < 200:
            try:
                got.append(channel._get("celery")["number"])
            except Empty:
                assert not all(one.done() for one in done) or len(got) < 200
    assert sorted(got) == list(range(200))
