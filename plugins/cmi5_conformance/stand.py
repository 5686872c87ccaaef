"""The stand of an acceptance run: the bridge, a host for courseware, and what the suite asks of an LMS, on loopback.

The people are made up and are enrolled nowhere, so that launches go past the class run's own conditions: to `Sessions`,
which is what the suite looks at.
"""

import base64
import io
import mimetypes
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from sqlalchemy import select
from werkzeug.serving import make_server

from bridge.app import create_app
from bridge.commands.catalogue import load_catalogue, photographs_from
from bridge.intake.cmi5.model import LaunchMode
from bridge.intake.cmi5.tables import Cmi5AuRow, Cmi5RegistrationRow
from bridge.intake.xapi.model import Scope
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import BridgeError
from bridge.kernel.ids import ClassRunId, CourseId, InstitutionId, LearnerRef
from bridge.settings import ROOT, Mode, Settings
from bridge.start import set_up
from bridge.wiring import House
from bridge.wiring.cmi5 import Cmi5Desk
from bridge.wiring.xapi import credentials
from plugins.simulators.demonstration.processes import free_ports

_RUN = ClassRunId("run_demo")
_MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True)
class Stand:
    """Where the suite finds what; `lrs_header`: Authorization of a key that reads all statements."""

    address: str
    lrs: str
    lrs_header: str


@contextmanager
def stand(folder: Path, database_url: str) -> Iterator[Stand]:
    """Serve the stand until the block ends; all that it writes lies in `folder`."""
    ours, theirs = free_ports(8480, 2)
    bridge_url, stand_url = f"http://127.0.0.1:{ours}", f"http://localhost:{theirs}"
    settings = Settings(
        mode=Mode.DEMONSTRATION,
        data=folder / "data",
        database_url=database_url,
        port=ours,
        public_url=bridge_url,
    )
    set_up(settings)
    with ExitStack() as until_end:
        house = House.build(settings)
        until_end.callback(house.close)
        variables = {"lms_url": "http://127.0.0.1:8123", "webhook_secret": "w" * 40}
        loaded = load_catalogue(house, ROOT / "config" / "demo", variables, photographs_from("demo"))
        institution = InstitutionId(loaded["institution"])
        key = credentials(house).add(institution, "suite", [Scope.READ], by="acceptance")
        pair = base64.b64encode(f"{key.credential.id}:{key.secret}".encode()).decode()
        until_end.enter_context(_served(create_app(settings, house), ours))
        until_end.enter_context(_served(_Lms(house, institution, stand_url).app(), theirs))
        yield Stand(stand_url, f"{bridge_url}/xAPI", f"Basic {pair}")


@contextmanager
def _served(app: Flask, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = Thread(target=server.serve_forever, name=f"stand-{port}")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


class _Lms:
    """What the suite asks of an LMS; it also serves the courseware, on an origin that is not the bridge's."""

    def __init__(self, house: House, institution: InstitutionId, url: str) -> None:
        self._house = house
        self._institution = institution
        self._url = url
        self._content: dict[str, dict[str, bytes]] = {}
        with house.uow.for_institution(institution, read_only=True) as tx:
            self._course = CourseId(house.at(tx).registry.class_run(_RUN).course_id)

    def app(self) -> Flask:
        app = Flask("cmi5_stand", static_folder=None)
        app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
        app.add_url_rule("/import", view_func=self._import, methods=["POST"])
        app.add_url_rule("/launch", view_func=self._launch, methods=["POST"])
        app.add_url_rule("/waive", view_func=self._waive, methods=["POST"])
        app.add_url_rule("/abandon", view_func=self._abandon, methods=["POST"])
        app.add_url_rule("/content/<name>/<path:file>", view_func=self._serve)

        @app.errorhandler(BridgeError)
        def refuse(error: BridgeError) -> tuple[Response, int]:
            return jsonify({"reason": error.reason, "message": error.message}), error.http_status

        return app

    def _import(self) -> Response:
        body, name = request.get_data(), f"p{len(self._content)}"
        files: dict[str, bytes] = {}
        if zipfile.is_zipfile(io.BytesIO(body)):
            with zipfile.ZipFile(io.BytesIO(body)) as package:
                files = {one: package.read(one) for one in package.namelist() if not one.endswith("/")}
        self._content[name] = files
        with self._house.uow.for_institution(self._institution) as tx:
            desk = Cmi5Desk(self._house, tx)
            # The suite imports some packages twice, each time as a course of its own.
            for known in desk.packages.of_course(self._course):
                desk.packages.retire(known.id)
            found = desk.import_package(
                io.BytesIO(body),
                sha256_hex(body),
                self._course,
                {},
                base=f"{self._url}/content/{name}/",
                by="acceptance",
            )
        return jsonify({"package": found.id})

    def _launch(self) -> Response:
        asked: dict[str, Any] = request.get_json()
        with self._house.uow.for_institution(self._institution) as tx:
            desk = Cmi5Desk(self._house, tx)
            # A registration is a learner's in a package: who comes with one is that learner.
            learner = f"lrn_{sha256_hex(asked['actor']['account']['name'].encode())[:26]}"
            if asked.get("registration"):
                learner = tx.session.get_one(Cmi5RegistrationRow, asked["registration"]).learner
            au_id = desk.packages.get(asked["package"]).aus[asked["au"]][0]
            mode = LaunchMode(asked.get("launch_mode") or "Normal")
            url = desk.sessions.launch(au_id, LearnerRef(learner), _RUN, mode, f"{self._url}/content/back/x")
        return jsonify({"url": url})

    def _waive(self) -> Response:
        asked: dict[str, Any] = request.get_json()
        with self._house.uow.for_institution(self._institution) as tx:
            row = tx.session.get_one(Cmi5RegistrationRow, asked["registration"])
            au_id = tx.session.scalars(
                select(Cmi5AuRow.id).where(
                    Cmi5AuRow.package_id == row.package_id, Cmi5AuRow.position == asked["au"]
                )
            ).one()
            Cmi5Desk(self._house, tx).registrations.waive(row.id, au_id, asked["reason"], by="acceptance")
        return jsonify({})

    def _abandon(self) -> Response:
        asked: dict[str, Any] = request.get_json()
        with self._house.uow.for_institution(self._institution) as tx:
            Cmi5Desk(self._house, tx).sessions.abandon(asked["session"])
        return jsonify({})

    def _serve(self, name: str, file: str) -> Response:
        content = self._content.get(name, {}).get(file)
        if content is None:
            abort(404)
        return Response(content, content_type=mimetypes.guess_type(file)[0] or "application/octet-stream")
