"""Named sets of meter settings: which settings they may hold, and those that come with the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from slmm.errors import Invalid, NotFound
from slmm.fleet.procedures import FINGERPRINT, REAL_NAMES, SETTINGS
from slmm.nl43 import commands

_FILES = resources.files("slmm.fleet") / "templates"

SETTABLE: Mapping[str, str] = {member: {**SETTINGS, **REAL_NAMES}[member] for member in (*FINGERPRINT, "sleep_mode")}
"""What a template may hold, by member name, with the meter's own name."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "frequency_weighting": ("A", "C", "Z"),
    "time_weighting": ("F", "S", "I"),
    "store_mode": ("Manual", "Auto", "Timer Auto"),
    "measurement_time": ("10s", "1m", "5m", "10m", "15m", "30m", "1h", "8h", "24h", "Manual"),
    "measurement_time_auto": ("10s", "1m", "5m", "10m", "15m", "30m", "1h", "8h", "24h", "Manual"),
    "leq_interval": ("Off", "10s", "1m", "5m", "10m", "15m", "30m", "1h", "8h", "24h", "Manual"),
    "lp_interval": ("Off", "10ms", "25ms", "100ms", "200ms", "1s"),
    "sleep_mode": ("On", "Off"),
}
"""Values to choose from; a percentile is any number."""


@dataclass(frozen=True, slots=True)
class Template:
    """A named set of settings that comes with the program."""

    template_id: str
    name: str
    note: str
    settings: Mapping[str, str]


@cache
def shipped() -> tuple[Template, ...]:
    """Those that come with the program, by name."""
    files = (entry for entry in _FILES.iterdir() if entry.name.endswith(".json"))
    found = ((entry.name.removesuffix(".json"), json.loads(entry.read_text(encoding="utf-8"))) for entry in files)
    return tuple(sorted((_read(key, document) for key, document in found), key=lambda template: template.name))


def _read(template_id: str, document: Mapping[str, Any]) -> Template:
    return Template(template_id, document["name"], document["note"], check(document["settings"]))


def get_shipped(template_id: str) -> Template:
    """One of them; raises NotFound."""
    for template in shipped():
        if template.template_id == template_id:
            return template
    raise NotFound(f"no template {template_id[:80]!r} comes with the program")


def check(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings themselves; raises Invalid for one that cannot be set, or to such a value."""
    if not settings:
        raise Invalid("settings is empty: give at least one", field="settings")
    for member, value in settings.items():
        if member not in SETTABLE:
            raise Invalid(
                f"{member[:80]!r} cannot be set; there are {', '.join(SETTABLE)}", field=f"settings.{member[:80]}"
            )
        try:
            commands.setting(SETTABLE[member], value)
        except Invalid as error:
            raise Invalid(str(error), field=f"settings.{member}") from error
    return dict(settings)


def is_same(one: str, other: str) -> bool:
    """Whether two values mean the same: meters differ in case and write 5 or 5.0."""
    if one.strip().casefold() == other.strip().casefold():
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False
