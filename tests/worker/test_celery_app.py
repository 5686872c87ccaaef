"""Celery carries nudges only: a broker that is down is nobody's failure, and nothing is sent twice."""

import json
import time
from pathlib import Path

from bridge.db.outbox import WantedJob
from bridge.kernel.ids import JobId
from bridge.settings import Mode, Settings
from bridge.worker.celery_app import (
    JUDGES,
    RUN_JOB,
    SWEEP,
    celery_app,
    nudger,
    register_judge,
    register_tasks,
)
from tests.servers.children import free_port


def settings(folder: Path, broker_url: str = "") -> Settings:
    return Settings(mode=Mode.DEMONSTRATION, var=folder, broker_url=broker_url)


def wanted(job: str, kind: str = "made") -> WantedJob:
    return WantedJob(JobId(job), kind)


def test_one_nudge_for_each_job_reaches_the_folder(tmp_path: Path) -> None:
    nudger(celery_app(settings(tmp_path)))([wanted("job_a"), wanted("job_b"), wanted("job_a")])
    messages = [json.loads(path.read_text()) for path in (tmp_path / "bridge/queue/messages").iterdir()]
    assert sorted(message["headers"]["argsrepr"] for message in messages) == ["('job_a',)", "('job_b',)"]
    assert {message["headers"]["task"] for message in messages} == {RUN_JOB}


def test_a_frame_is_told_to_the_judges_and_to_nobody_else(tmp_path: Path) -> None:
    nudge = nudger(celery_app(settings(tmp_path)), {"made.frame": JUDGES})
    nudge([wanted("job_a", "made.frame"), wanted("job_b", "made.other")])
    messages = (tmp_path / "bridge/queue/messages").iterdir()
    told = {path.name.split(".")[1]: json.loads(path.read_text())["headers"]["argsrepr"] for path in messages}
    assert told == {JUDGES: "('job_a',)", "celery": "('job_b',)"}


def test_a_judge_judges_all_that_waits_whichever_frame_it_is_told_of(tmp_path: Path) -> None:
    app, judged = celery_app(settings(tmp_path)), []
    register_judge(app, lambda: judged.append("all"))
    app.tasks[RUN_JOB].run("job_a")
    assert judged == ["all"]
    assert SWEEP not in app.tasks


def test_a_broker_that_is_down_fails_nobody_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    app = celery_app(settings(tmp_path, f"redis://127.0.0.1:{free_port()}/0"))
    began = time.monotonic()
    nudger(app)([wanted("job_a"), wanted("job_b")])
    assert time.monotonic() - began < 2
    assert not (tmp_path / "bridge/queue").exists()


def test_redis_hands_on_what_a_killed_worker_held_within_seconds(tmp_path: Path) -> None:
    options = celery_app(settings(tmp_path, "redis://127.0.0.1:1/0")).conf.broker_transport_options
    assert options["visibility_timeout"] <= 10
    assert options["unacked_restore_interval"] <= 2


def test_a_nudge_reaches_a_worker_through_redis(tmp_path: Path, redis_url: str) -> None:
    app = celery_app(settings(tmp_path, redis_url))
    nudger(app)([wanted("job_a")])
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        message = queue.get(timeout=5)
        message.ack()
    assert message.payload[0] == ["job_a"]
    app.close()


def test_the_task_runs_a_job_until_it_wants_no_more(tmp_path: Path) -> None:
    app, answers, ran, swept = celery_app(settings(tmp_path)), [True, True, False], [], []

    def run(job: JobId) -> bool:
        ran.append(job)
        return answers[len(ran) - 1]

    register_tasks(app, run, lambda: swept.append(1))
    app.tasks[RUN_JOB].run("job_a")
    app.tasks[SWEEP].run()
    assert ran == ["job_a"] * 3
    assert swept == [1]


def test_the_sweep_is_on_the_beats_schedule(tmp_path: Path) -> None:
    (entry,) = celery_app(settings(tmp_path)).conf.beat_schedule.values()
    assert entry["task"] == SWEEP
    assert entry["schedule"].total_seconds() == 2
