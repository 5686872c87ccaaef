"""The simulator's web side: the door for batches, and pages that show what came in."""

import hmac
import socket
from pathlib import Path

from flask import Flask, Response, abort, jsonify, render_template, request
from lxml import etree

from bridge.kernel.time import LEGAL_ZONE, parse_rfc3339
from bridge.reporting.model import BookEntry, RecordKind
from bridge.reporting.reconciliation import day_sha256
from plugins.reporting.guangdong import signing
from plugins.reporting.guangdong.mapping import mappings
from plugins.simulators.province.archive import Archive, Received
from plugins.simulators.province.faults import NO_FAULTS, Dropped, Faults
from plugins.simulators.province.intake import SYSTEM, BatchConflict, Verify, is_batch_id, take_in

STATUSES = {"accepted": "全部接收", "partly_accepted": "部分接收", "refused": "退回"}
RESULTS = {
    "accepted": "接收",
    "duplicate": "重复（视为接收）",
    "superseded": "已有更新版次",
    "returned": "退回更正",
    "refused": "拒绝",
}
_LARGEST = 64 * 1024 * 1024


def create_app(state: Path, key: str, faults: Faults = NO_FAULTS, verify: Verify = signing.verify) -> Flask:
    """Return the simulator with its state under `state`; batches need `key`, and a signature for `verify`."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST
    archive = Archive(state)
    app.jinja_env.filters["beijing"] = _beijing

    @app.after_request
    def say_what_it_is(response: Response) -> Response:
        response.headers["X-Simulator"] = "anxue-province"
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    def has_key() -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {key}".encode())

    @app.post("/feed/v1/batches")
    def receive() -> tuple[Response, int]:
        if not has_key():
            return _refused("key_refused", "密钥不正确。", 401)
        batch_id = request.headers.get("Idempotency-Key", "")
        if not is_batch_id(batch_id):
            return _refused("batch_id_malformed", "请求头 Idempotency-Key 须为批次编号。", 400)
        xml = request.get_data()
        try:
            answer = faults.around(lambda: take_in(archive, batch_id, xml, faults.whim, verify))
        except BatchConflict:
            return _refused("batch_conflict", "该批次编号已用于另一个文件，请换一个编号。", 409)
        return Response(answer.body, mimetype="application/xml", headers=answer.headers), answer.status

    @app.get("/feed/v1/reconciliation")
    def reconciliation() -> tuple[Response, int]:
        if not has_key():
            return _refused("key_refused", "密钥不正确。", 401)
        uscc, city, day = (request.args.get(name, "") for name in ("uscc", "city", "day"))
        with archive.open() as connection:
            booked = archive.day(connection, uscc, city, day)
        entries = [BookEntry(RecordKind(one.kind), one.number, one.revision, one.sha256) for one in booked]
        records = [
            {
                "kind": one.kind,
                "number": one.number,
                "revision": one.revision,
                "sha256": one.sha256,
                "state": "accepted" if one.returned is None else "returned",
                **({} if one.returned is None else {"reason_code": "returned_later", "reason": one.returned}),
            }
            for one in booked
        ]
        books = jsonify(
            system=SYSTEM, uscc=uscc, city=city, day=day, count=len(booked), sha256=day_sha256(entries),
            records=records,
        )  # fmt: skip
        return books, 200

    @app.errorhandler(Dropped)
    def dropped(_error: Dropped) -> tuple[Response, int]:
        # The other side must see a broken connection, not an answer.
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response(status=500), 500

    @app.get("/")
    def listing() -> str:
        with archive.open() as connection:
            batches = archive.batches(connection)
        return render_template("batches.html", system=SYSTEM, batches=batches, statuses=STATUSES)

    @app.get("/batches/<batch_id>")
    def one_batch(batch_id: str) -> str:
        with archive.open() as connection:
            received = archive.batch(connection, batch_id)
        if received is None:
            abort(404)
        return render_template(
            "batch.html",
            system=SYSTEM,
            batch=received,
            verdicts=_verdicts(received),
            reason=_whole_reason(received),
            statuses=STATUSES,
            results=RESULTS,
        )

    @app.get("/faults")
    def struck() -> Response:
        return jsonify(system=SYSTEM, faults=sorted(faults.names), struck=faults.struck)

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok", system=SYSTEM)

    @app.errorhandler(404)
    def not_found(_error: Exception) -> tuple[str, int]:
        return render_template("missing.html", system=SYSTEM), 404

    @app.errorhandler(413)
    def too_large(_error: Exception) -> tuple[Response, int]:
        return _refused("batch_too_large", "批次文件过大，请减少每批的记录数。", 413)

    return app


def _beijing(instant: str) -> str:
    return f"{parse_rfc3339(instant).astimezone(LEGAL_ZONE):%Y-%m-%d %H:%M:%S}"


def _refused(reason: str, message: str, status: int) -> tuple[Response, int]:
    return jsonify(reason=reason, message=message, system=SYSTEM), status


def _verdicts(received: Received) -> list[dict[str, str]]:
    whose = _learners(received)
    root = etree.fromstring(received.receipt)
    labels = {one.element: one.label for mapping in mappings().values() for one in mapping.shapes.values()}
    return [
        {
            "kind": labels.get(one.get("kind", ""), one.get("kind", "")),
            "number": one.get("number", ""),
            "revision": one.get("revision", ""),
            "person": whose.get(one.get("number", ""), ""),
            "result": one.get("result", ""),
            "reason": one.findtext("{*}Reason") or "",
        }
        for one in root.iterfind("{*}Verdict")
    ]


def _learners(received: Received) -> dict[str, str]:
    """Return "陈** 440***********1219" by the number of each learner record."""
    found: dict[str, str] = {}
    if received.http_status == 200:
        for record in etree.fromstring(received.xml).iter("{*}Learner"):
            name = record.findtext("{*}Name") or ""
            citizen_id = record.findtext("{*}CitizenId") or ""
            found[record.get("number", "")] = (
                f"{name[:1]}{'*' * (len(name) - 1)} {citizen_id[:3]}***********{citizen_id[-4:]}"
            )
    return found


def _whole_reason(received: Received) -> str:
    return etree.fromstring(received.receipt).findtext("{*}Reason") or ""
