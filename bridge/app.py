"""The web application: `create_app(settings)` builds everything; nothing is built at import."""

import gc

from flask import Flask, Response, jsonify
from flask_babel import Babel

from bridge.db.schema import is_current
from bridge.serve import die_with_parent
from bridge.settings import Settings
from bridge.start import configure_logs
from bridge.web.agent_door import agent_door
from bridge.web.api.door import read_api
from bridge.web.api.token_door import token_door
from bridge.web.caliper_door import caliper_door
from bridge.web.canvas_door import canvas_door
from bridge.web.cmi5_door import cmi5_door
from bridge.web.credential_door import credential_door
from bridge.web.errors import register_error_handlers
from bridge.web.free_text import refuse_contact_text
from bridge.web.launch_door import launch_door
from bridge.web.notice_door import notice_door
from bridge.web.pages import register_pages
from bridge.web.proxies import TrustedProxies
from bridge.web.register_door import register_door
from bridge.web.security import DOORS_WITHOUT_FORMS, require_counted, secure
from bridge.web.sessions import DatabaseSessions, SessionLimits
from bridge.web.webhook_door import webhook_door
from bridge.web.words import look_up_words_once
from bridge.web.xapi_door import xapi_door
from bridge.wiring import House


def create_app(settings: Settings, house: House | None = None) -> Flask:
    """Return the application on these settings; `house` is built unless it is given."""
    house = house or House.build(settings)
    app = Flask("bridge.web", static_folder="static", template_folder="templates")
    app.config.update(SECRET_KEY=house.key("flask"), SESSION_COOKIE_NAME="anxue_session")
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.proxy_networks)  # type: ignore[method-assign]  # Flask's own way
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the default provider has it
    app.session_interface = DatabaseSessions(house.uow, house.clock, SessionLimits.of_staff(settings))
    Babel(app, default_locale="zh_CN", default_timezone="Asia/Shanghai")
    look_up_words_once(app)
    secure(app, house)
    register_error_handlers(app)
    refuse_contact_text(app)
    app.register_blueprint(launch_door(house))
    app.register_blueprint(register_door(house))
    app.register_blueprint(agent_door(house))
    app.register_blueprint(webhook_door(house))
    app.register_blueprint(notice_door(house))
    app.register_blueprint(xapi_door(house))
    app.register_blueprint(cmi5_door(house))
    app.register_blueprint(caliper_door(house))
    app.register_blueprint(canvas_door(house))
    app.register_blueprint(credential_door(house))
    app.register_blueprint(read_api(house))
    app.register_blueprint(token_door(house))
    register_pages(app, house)
    for name in DOORS_WITHOUT_FORMS:
        app.extensions["csrf"].exempt(app.blueprints[name])
    _register_health(app, house)
    require_counted(app)
    return app


def _register_health(app: Flask, house: House) -> None:
    schema_seen = False

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify({"status": "ok"})

    @app.get("/readyz")
    def readyz() -> Response:
        nonlocal schema_seen
        schema_seen = schema_seen or is_current(house.engine)
        response = jsonify({"status": "ready" if schema_seen else "schema_not_current"})
        response.status_code = 200 if schema_seen else 503
        return response


def from_environment() -> Flask:
    """Return the application on the environment's settings; granian calls this in its worker."""
    die_with_parent()
    configure_logs()
    app = create_app(Settings())
    # What was built stays for as long as the process: without this the collector looks at all of it again and again
    # while a large request is read (5 ms of CPU for each hundred statements).
    gc.collect()
    gc.freeze()
    return app
