"""The control interface of the emulator: HTTP and JSON for tests, demos and curl.

GET  /meters                       all meters with counters
GET  /meters/0/faults              how often each fault has spoiled a reply
GET  /meters/0/shown/120           the display lines after the first 120, with their times
POST /meters/0/fault               {"name": "silence", "count": 2, "value": 0, "only": "DOD?"}
POST /meters/0/keypad              {"action": "start"}     somebody presses a key: start, stop
POST /meters/0/quirk               {"name": "prompt", "value": "none"}
POST /meters/0/offset              {"value": 20}           every level so many dB higher
POST /meters/0/register            {"name": "Store Mode", "value": "Auto"}   a setting changed at the keypad
POST /meters/0/ftp                 {"break_after_bytes": 1000, "break_how": "stall"}   see slmm/emulator/ftp.py
POST /meters/0/card                {"filled_mb": 30000}    somebody else's files
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable
from typing import Any

from slmm.emulator.server import MeterServer

StartResponse = Any


class ControlApp:
    """A WSGI application over the meters of this process."""

    def __init__(self, meters: list[MeterServer]) -> None:
        self._meters = meters

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        try:
            status, body = "200 OK", self._answer(environ)
        except (LookupError, ValueError, TypeError) as error:
            status, body = "400 Bad Request", {"error": str(error)}
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(body).encode() + b"\n"]

    def _answer(self, environ: dict[str, Any]) -> Any:
        parts = environ["PATH_INFO"].strip("/").split("/")
        if parts == ["meters"]:
            return [meter.describe() for meter in self._meters]
        meter = self._meters[int(parts[1])]
        if len(parts) == 2:
            return meter.describe()
        if parts[2] == "faults":
            return meter.faults.happened
        if parts[2] == "shown":
            return meter.shown_since(int(parts[3]))
        wish = json.loads(environ["wsgi.input"].read() or b"{}")
        match parts[2]:
            case "fault":
                meter.inject(wish.pop("name"), **wish)
            case "keypad":
                {"start": meter.instrument.start, "stop": meter.instrument.stop}[wish["action"]]()
            case "quirk":
                meter.change_quirk(wish["name"], str(wish["value"]))
            case "offset":
                meter.instrument.site.offset_db = float(wish["value"])
            case "register":
                meter.instrument.set_register(wish["name"], wish["value"])
            case "ftp":
                meter.break_ftp(**wish)
            case "card" if meter.instrument.card is not None:
                meter.instrument.card.filled_mb = float(wish["filled_mb"])
            case other:
                raise ValueError(f"no control {other!r} here")
        return {"ok": True}


class EmulatorClient:
    """The same from Python; *index* counts meters from 0."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def _call(self, path: str, wish: dict[str, Any] | None = None) -> Any:
        data = None if wish is None else json.dumps(wish).encode()
        with urllib.request.urlopen(f"{self.base_url}{path}", data=data, timeout=10) as response:
            return json.load(response)

    def meters(self) -> list[dict[str, Any]]:
        """All meters with their counters."""
        found: list[dict[str, Any]] = self._call("/meters")
        return found

    def counters(self, index: int) -> dict[str, Any]:
        """What one meter has seen."""
        found: dict[str, Any] = self._call(f"/meters/{index}")["counters"]
        return found

    def faults_happened(self, index: int) -> dict[str, int]:
        """How often each fault has happened at one meter."""
        found: dict[str, int] = self._call(f"/meters/{index}/faults")
        return found

    def shown_since(self, index: int, count: int) -> tuple[int, list[tuple[float, str]]]:
        """How many display lines one meter has made, and those after the first *count* with their Unix times."""
        found = self._call(f"/meters/{index}/shown/{count}")
        return found["count"], [(at_s, line) for at_s, line in found["lines"]]

    def fault(self, index: int, name: str, *, value: float = 0.0, count: int = 1, only: str = "") -> None:
        """Make a fault happen."""
        self._call(f"/meters/{index}/fault", {"name": name, "value": value, "count": count, "only": only})

    def keypad(self, index: int, action: str) -> None:
        """Press start or stop at the meter."""
        self._call(f"/meters/{index}/keypad", {"action": action})

    def quirk(self, index: int, name: str, value: object) -> None:
        """Change a switch."""
        self._call(f"/meters/{index}/quirk", {"name": name, "value": str(value)})

    def register(self, index: int, name: str, value: str) -> None:
        """Change a setting at the keypad."""
        self._call(f"/meters/{index}/register", {"name": name, "value": value})

    def ftp(self, index: int, **faults: Any) -> None:
        """Break the card's FTP server, see ``slmm.emulator.ftp.Faults``; without a name it is whole again."""
        self._call(f"/meters/{index}/ftp", faults)

    def fill_card(self, index: int, filled_mb: float) -> None:
        """Put somebody else's files on the card."""
        self._call(f"/meters/{index}/card", {"filled_mb": filled_mb})

    def offset(self, index: int, value_db: float) -> None:
        """Make everything louder."""
        self._call(f"/meters/{index}/offset", {"value": value_db})
