"""What somebody who helps from afar needs to know, in one ZIP that holds nobody's secrets.

Only what is known to be harmless is gathered; then every secret the service knows is looked for in it all the same.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Response
from sqlalchemy import inspect, make_url

from slmm.fleet import inspection
from slmm.fleet.diagnosis import diagnose
from slmm.logs import HIDDEN, without_secrets
from slmm.settings import Settings
from slmm.storage.devicelog import Wanted
from slmm.times import timestamp
from slmm.web import context
from slmm.web.api.system_report import report
from slmm.web.api.views import config_view, status_view
from slmm.web.openapi import Api

if TYPE_CHECKING:
    from slmm.runtime import Runtime

api = Api("bundle", "What somebody who helps from afar needs to know")

ZIP = "application/zip"
MOST_ENTRIES = 1000
SHORTEST_SECRET = 4
"""Anything shorter is found in every other word, and is no secret worth the name."""
SECRET_SETTINGS = frozenset({"alert_heartbeat_url"})

ABOUT = """What is in here
report.json       versions, delays, streams, queues, disk, jobs, problems
settings.json     every setting with its value; secrets are ***
meters.json       the roster with states and what is known to be wrong; no passwords
logs.jsonl        the last {entries} entries of the meters' logs, newest first
service.log       what the service said since its start, as far as memory holds it
schema.json       tables and columns of the database
packages.txt      installed Python packages
No password, token, share link or address of a webhook is in it; addresses and names of meters are.
"""


@api.route_for("get", "/_system/bundle", needs="admin", answer=ZIP, problems=(500,))
def bundle() -> Response:
    """Everything for a question to somebody else, without secrets."""
    runtime = context.runtime()
    now = datetime.now(UTC)
    texts = contents(runtime)
    hidden = Hidden(known_secrets(runtime))
    packed = runtime.database.in_pool(_pack, texts, hidden, now)
    response = Response(packed, content_type=ZIP)
    response.headers.set("Content-Disposition", "attachment", filename=f"slmm-bundle-{now:%Y%m%dT%H%M%SZ}.zip")
    response.headers["Cache-Control"] = "no-store"
    return response


def contents(runtime: Runtime) -> dict[str, str]:
    """Each file and its text."""
    entries = runtime.device_log.search(Wanted(limit=MOST_ENTRIES))
    lines = runtime.log_ring.lines()
    return {
        "README.txt": ABOUT.format(entries=MOST_ENTRIES),
        "report.json": _json(report(runtime)),
        "settings.json": _json(settings_view(runtime.settings)),
        "meters.json": _json(_meters(runtime)),
        "logs.jsonl": "".join(
            f"{json.dumps({**row, 'timestamp': timestamp(row['timestamp'])}, ensure_ascii=False)}\n" for row in entries
        ),
        "service.log": "".join(f"{timestamp(each.at)} {each.level} {each.source}: {each.message}\n" for each in lines),
        "schema.json": _json(runtime.database.in_pool(_schema, runtime)),
        "packages.txt": runtime.database.in_pool(_packages),
    }


def settings_view(settings: Settings) -> dict[str, Any]:
    """Every setting; of a secret only whether there is one."""
    values: dict[str, Any] = json.loads(settings.model_dump_json())
    for name in SECRET_SETTINGS:
        values[name] = HIDDEN if values[name] else ""
    values["database_url"] = make_url(settings.sqlalchemy_url).set(query={}).render_as_string(hide_password=True)
    return values


def _meters(runtime: Runtime) -> list[dict[str, Any]]:
    found = []
    for device in runtime.roster.all():
        status = runtime.board.status(device.unit_id)
        known = inspection.known(device, status, is_standby=runtime.fleet.is_standby)
        verdicts = [{"code": each.code, "sentence": each.sentence, "advice": each.advice} for each in diagnose(known)]
        found.append({"config": config_view(device), "status": status_view(status), "verdicts": verdicts})
    return found


def _schema(runtime: Runtime) -> dict[str, list[str]]:
    looked = inspect(runtime.database.engine)
    return {
        table: [f"{column['name']} {column['type']}" for column in looked.get_columns(table)]
        for table in sorted(looked.get_table_names())
    }


def known_secrets(runtime: Runtime) -> set[str]:
    """Everything that must not be in a bundle, as far as the service itself can still read it."""
    found = {device.ftp_password for device in runtime.roster.all()}
    found |= runtime.alerts.channels.secrets()
    found |= {str(getattr(runtime.settings, name)) for name in SECRET_SETTINGS}
    found |= {make_url(runtime.settings.sqlalchemy_url).password or "", runtime.setup_code or ""}
    found |= {part for text in found if text and "://" in text for part in _telling_parts(text)}
    return {text for text in found if text and len(text) >= SHORTEST_SECRET}


def _telling_parts(url: str) -> set[str]:
    """What of a secret address is the secret: its last step, its query, its password."""
    try:
        parts = urlsplit(url)
        return {parts.path.rpartition("/")[2], parts.query, parts.password or ""}
    except ValueError:
        return set()


class Hidden:
    """Takes secrets out of texts: those that are known, also as JSON writes them, and what looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        written = {form for text in secrets for form in (text, *_in_json(text))}
        in_order = sorted(written, key=len, reverse=True)  # a secret may be a part of another
        self._known = re.compile("|".join(map(re.escape, in_order))) if in_order else None

    def taken_out(self, text: str) -> str:
        """The text with ``***`` in their place."""
        text = self._known.sub(HIDDEN, text) if self._known else text
        return without_secrets(text)


def _in_json(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"


def _packages() -> str:
    """What is installed, a line each; reads a file for each of them."""
    found = {f"{each.metadata['Name']}=={each.version}" for each in metadata.distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def _pack(texts: dict[str, str], hidden: Hidden, now: datetime) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            entry = zipfile.ZipInfo(f"slmm/{name}", now.timetuple()[:6])
            archive.writestr(entry, hidden.taken_out(text), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
