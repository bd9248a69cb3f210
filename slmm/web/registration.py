"""The web face: registers everything that answers HTTP."""

from __future__ import annotations

from flask_openapi3.openapi import OpenAPI

from slmm.web import (
    acknowledge,
    audit,
    context,
    gate,
    guard,
    limits,
    modules,
    problems,
    readiness,
    requestlog,
    stream,
    websocket,
    words,
)
from slmm.web.api import (
    accounts,
    alerts,
    audit_log,
    backtests,
    backups,
    bundle,
    calibrations,
    card,
    channels,
    cycles,
    devices,
    diagnostics,
    evidence,
    feeds,
    files,
    grants,
    history,
    incidents,
    logs,
    measurement,
    meter_settings,
    operations,
    remarks,
    reports,
    roster_files,
    runs,
    service_logs,
    setting_templates,
    system,
    system_report,
    takeovers,
    wall,
)
from slmm.web.api import limits as noise_limits
from slmm.web.metrics import exposition
from slmm.web.pages import (
    admin,
    admin_system,
    entry,
    inbox,
    live,
    record,
    reference,
    roster,
    shared,
    unit_work,
    wording,
)
from slmm.web.pages.blueprint import blueprint as pages

_OPERATIONS = (
    devices,
    roster_files,
    takeovers,
    wall,
    history,
    feeds,
    measurement,
    cycles,
    meter_settings,
    setting_templates,
    files,
    operations,
    diagnostics,
    logs,
    service_logs,
    system,
    system_report,
    backups,
    bundle,
    accounts,
    grants,
    audit_log,
    alerts,
    incidents,
    noise_limits,
    backtests,
    channels,
    runs,
    remarks,
    calibrations,
    card,
    evidence,
    reports,
)
"""Each with its ``api``, in the order in which they are described."""

_PAGES = (
    admin,
    admin_system,
    entry,
    inbox,
    live,
    record,
    reference,
    roster,
    shared,
    unit_work,
    wording,
)
"""Imported for the views they add to the blueprint."""


def register(app: OpenAPI) -> None:
    """Add guards, operations, pages and streams to *app*."""
    problems.register(app)
    exposition.register(app)
    readiness.register(app)
    requestlog.register(app)
    limits.register(app)
    words.register(app)
    modules.register(app)
    context.register(app)
    guard.register(app)
    gate.register(app)
    audit.register(app)
    history.register(app)
    reports.register(app)
    for module in _OPERATIONS:
        app.register_api(module.api)
    app.register_api(system.health_api)
    app.register_blueprint(pages)
    app.register_blueprint(acknowledge.blueprint)
    stream.register(app)
    websocket.register(app)
