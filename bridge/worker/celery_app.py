"""Celery: nudges to job rows, and the sweep. Losing any message of it loses nothing."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_init

from bridge.db.outbox import WantedJob
from bridge.kernel.ids import JobId
from bridge.settings import Settings
from bridge.worker.folder_transport import SCHEME

RUN_JOB = "anxue.run_job"
SWEEP = "anxue.sweep"
JUDGES = "judges"
"""The queue of the processes that judge frames and do nothing else, so that no frame waits behind other work."""
_OF_ALL = "celery"
_SWEEP_EVERY = timedelta(seconds=2)
_POLL_SECONDS = 0.05
_JUDGES_POLL_SECONDS = 0.02
_GIVE_UP_AT_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


def celery_app(settings: Settings) -> Celery:
    """Return a Celery application for these settings; nothing connects until it is used."""
    app = Celery("anxue", broker=settings.broker_url or f"{SCHEME}://localhost//", set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        timezone="UTC",
        enable_utc=True,
        beat_schedule={"sweep": {"task": SWEEP, "schedule": _SWEEP_EVERY, "options": {"expires": 10}}},
    )
    if settings.broker_url:
        # Who nudges is answering a request: with the broker down it must not wait, the sweep will do.
        app.conf.broker_transport_options = _GIVE_UP_AT_ONCE
    if settings.broker_url.startswith("redis"):
        # Redis hands a killed worker's messages on only after this; the defaults wait an hour.
        app.conf.broker_transport_options = {
            **_GIVE_UP_AT_ONCE,
            "visibility_timeout": 10,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
        }
    elif not settings.broker_url:
        queue = settings.data_dir / "queue"
        for folder in ("messages", "processed", "control"):
            (queue / folder).mkdir(parents=True, exist_ok=True)
        app.conf.broker_transport_options = {
            "data_folder_in": str(queue / "messages"),
            "data_folder_out": str(queue / "messages"),
            "processed_folder": str(queue / "processed"),
            "control_folder": str(queue / "control"),
            "store_processed": False,
            "polling_interval": _POLL_SECONDS,
        }
    return app


def nudger(
    app: Celery, queues: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Sequence[WantedJob]], None]:
    """Return what sends a nudge for each job; a broker that is down is the sweep's business, not the caller's.

    Args:
        queues: kind of a job → the queue of those who do such jobs alone.
    """

    def nudge(jobs: Sequence[WantedJob]) -> None:
        for job in dict.fromkeys(jobs):
            try:
                app.send_task(RUN_JOB, (job.id,), retry=False, queue=queues.get(job.kind, _OF_ALL))
            except Exception:  # noqa: BLE001  # any broker's own error; the job row stands and the sweep finds it
                return

    return nudge


def register_tasks(app: Celery, run: Callable[[JobId], bool], sweep: Callable[[], None]) -> None:
    """Give `app` its two tasks."""

    def run_job(job_id: str) -> None:
        while run(JobId(job_id)):
            pass

    def sweep_overdue() -> None:
        sweep()

    app.task(name=RUN_JOB, shared=False)(run_job)
    app.task(name=SWEEP, shared=False)(sweep_overdue)


def register_judge(app: Celery, judge_all: Callable[[], None]) -> None:
    """Give `app` the one task of a judge: whichever frame it is told of, it judges all that wait.

    One nudge after another would have it wait for the broker between two frames.
    """

    def run_job(_job_id: str) -> None:
        judge_all()

    app.task(name=RUN_JOB, shared=False)(run_job)


def run_judge(app: Celery, *, warm_up: Callable[[], None]) -> None:
    """Judge frames until SIGTERM, one at a time."""
    if "polling_interval" in app.conf.broker_transport_options:
        app.conf.broker_transport_options["polling_interval"] = _JUDGES_POLL_SECONDS
    run_worker(app, threads=1, warm_up=warm_up, queue=JUDGES)


def run_worker(app: Celery, *, threads: int, warm_up: Callable[[], None], queue: str = _OF_ALL) -> None:
    """Work until SIGTERM, with `threads` threads."""
    # Whether the operator runs us as root is said in the operator's guide, not at every start.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    worker_init.connect(lambda **_: warm_up(), weak=False)
    app.worker_main(
        ["--quiet", "worker", "--pool=threads", f"--concurrency={threads}", "--loglevel=WARNING", "--without-gossip",
         "--without-mingle", "--without-heartbeat", f"--queues={queue}"]
    )  # fmt: skip


def run_beat(app: Celery, folder: Path) -> None:
    """Send the sweep every two seconds until SIGTERM."""
    app.Beat(loglevel="WARNING", schedule=str(folder / "beat-schedule"), quiet=True).run()
