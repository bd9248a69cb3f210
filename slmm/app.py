"""Builds the web application, without side effects: no greenlet, no socket, no write."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from werkzeug.middleware.proxy_fix import ProxyFix

from slmm import settings as settings_module
from slmm.runtime import Runtime
from slmm.settings import Settings
from slmm.storage.database import Base, Database, engine_options, prepare_engine
from slmm.web.openapi import StrictJson, new_app
from slmm.web.registration import register

TOP = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None, runtime: Runtime | None = None) -> Flask:
    """The application and, in ``app.extensions["slmm"]``, the runtime that somebody else starts."""
    settings = settings or (runtime.settings if runtime else settings_module.load())
    app = new_app("slmm", static_folder=str(TOP / "static"), template_folder=str(TOP / "templates"))
    url = settings.sqlalchemy_url
    app.config.update(
        SQLALCHEMY_DATABASE_URI=url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(url),
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        SEND_FILE_MAX_AGE_DEFAULT=300,
    )
    app.json = StrictJson(app)
    bound = SQLAlchemy(app, metadata=Base.metadata)
    with app.app_context():
        engine = bound.engine
    prepare_engine(engine)
    app.extensions["slmm"] = runtime or Runtime(settings, Database(engine))
    register(app)
    if hops := settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
