"""What ``slmm doctor`` looks at on the machine itself: settings, clock, data directory, database, access."""

from __future__ import annotations

import ipaddress
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from dotenv import dotenv_values

from slmm import settings as settings_module
from slmm.cli import store
from slmm.errors import Invalid, SlmmError
from slmm.settings import Settings
from slmm.storage import archive
from slmm.storage import upgrade as schema
from slmm.storage.secrets import KEY_FILE, SecretBox
from slmm.storage.upgrade import MIGRATIONS

LEAST_FREE_BYTES, LITTLE_FREE_BYTES = 200_000_000, 2_000_000_000
LEAST_FILES, FEW_FILES = 256, 4096
EARLIEST_YEAR = 2026
ZONES_OLD_AFTER_YEARS = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, warning or failed, and what to do."""

    check: str
    state: str
    sentence: str


Check = Callable[[Settings], Iterator[Finding]]


def usable_settings() -> tuple[Settings | None, list[Finding]]:
    """The settings, those that cannot be used left out and told; the service itself would not start with them.

    None when there are no settings on this machine at all: without time zones no value of SLMM_TIMEZONE is good.
    """
    try:
        return settings_module.load(), [Finding("settings", "ok", "every SLMM_* name and value can be used")]
    except (Invalid, OSError, UnicodeDecodeError):
        pass
    try:
        settings_module.load({}, None)
    except Invalid:
        sentence = "this machine has no time zone data, and SLMM does not start without; run: pip install tzdata"
        return None, [Finding("time zones", "failed", sentence)]
    given: dict[str, str] = {}
    findings = []
    try:
        given.update({name: value for name, value in dotenv_values(".env").items() if value is not None})
    except (OSError, UnicodeDecodeError) as error:
        findings.append(Finding("settings", "failed", f".env cannot be read: {error}"))
    given.update(os.environ)
    usable = {}
    for name, value in given.items():
        try:
            settings_module.load({name: value}, None)
        except Invalid as error:
            findings.append(Finding("settings", "failed", str(error).removeprefix("settings: ")))
        else:
            usable[name] = value
    return settings_module.load(usable, None), findings


def _python(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "failed", f"Python {version}; 3.11 is needed")


def _clock(settings: Settings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    is_sane = now.year >= EARLIEST_YEAR
    sentence = f"it is {now:%Y-%m-%d %H:%M:%S} UTC"
    yield Finding("clock", "ok" if is_sane else "failed", sentence if is_sane else f"{sentence}: set it (NTP)")


def _zones(settings: Settings) -> Iterator[Finding]:
    name = settings.timezone
    local = datetime.now(zoneinfo.ZoneInfo(name))
    version, where = _zone_data(name)
    is_old = version is not None and int(version[:4]) < local.year - ZONES_OLD_AFTER_YEARS
    advice = "; rules of daylight saving time may have changed: pip install --upgrade tzdata" if is_old else ""
    told = f"it is {local:%H:%M:%S %Z (UTC%z)} in {name}; zone data {version or 'of unknown age'} from {where}{advice}"
    yield Finding("time zones", "warning" if is_old else "ok", told)


def _zone_data(name: str) -> tuple[str | None, str]:
    """Which release of the IANA data this zone is read from, and where that is; the machine's goes first."""
    for directory in map(Path, zoneinfo.TZPATH):
        if (directory / name).is_file():
            version = _first_word_after(directory / "tzdata.zi", "# version ")
            return version or _first_word_after(directory / "+VERSION", ""), str(directory)
    return metadata.version("tzdata"), "the package tzdata"


def _first_word_after(path: Path, start: str) -> str | None:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            line = file.readline()
    except OSError:
        return None
    words = line.removeprefix(start).split()
    return words[0] if line.startswith(start) and words and words[0][:4].isdigit() else None


def _data(settings: Settings) -> Iterator[Finding]:
    data_dir = settings.data_dir.resolve()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir) as probe:
            probe.write(b"x")
    except OSError as error:
        yield Finding("data directory", "failed", f"{data_dir} cannot be written: {error.strerror}")
        return
    free = shutil.disk_usage(data_dir).free
    state = "failed" if free < LEAST_FREE_BYTES else "warning" if free < LITTLE_FREE_BYTES else "ok"
    yield Finding("data directory", state, f"{data_dir} can be written; {free / 1e9:.1f} GB are free")


def _database(settings: Settings) -> Iterator[Finding]:
    file = store.sqlite_file(settings)
    if file is not None and not file.exists():
        if file.parent.is_dir():
            yield Finding("database", "ok", f"{file} will be made at the first start")
        else:
            yield Finding("database", "failed", f"there is no directory {file.parent} for the database")
        return
    newest = schema.head(MIGRATIONS)
    if file is None:
        with store.told(settings):
            found = schema.current(settings.sqlalchemy_url)
    else:
        try:
            found = archive.schema_of(file)
        except sqlite3.Error as error:
            yield Finding("database", "failed", f"{file}: {error}; restore a backup: slmm restore FILE --force")
            return
    if found == newest:
        yield Finding("database", "ok", f"schema {found}, the newest")
    else:
        sentence = f"schema {found or 'empty'}, newest {newest}; the next start migrates, after a backup"
        yield Finding("database", "warning", sentence)


def _key(settings: Settings) -> Iterator[Finding]:
    key_file = settings.data_dir / KEY_FILE
    if not key_file.exists():
        yield Finding("key file", "ok", f"{key_file} will be made at the first start")
        return
    SecretBox.open(key_file)  # raises Invalid, which says what to do
    yield Finding("key file", "ok", f"{key_file} holds a key that nobody else may read")


def _open_files(settings: Settings) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard if hard != resource.RLIM_INFINITY else 1_048_576
    state = "failed" if limit < LEAST_FILES else "warning" if limit < FEW_FILES else "ok"
    yield Finding("open files", state, f"at most {limit} (now {soft}): each viewer and each meter takes one")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _access(settings: Settings) -> Iterator[Finding]:
    host, hops = settings.host or "every address", settings.proxy_hops
    proxy = "a reverse proxy" if hops == 1 else f"{hops} reverse proxies"
    if settings.requires_login:
        sentence = f"everybody is asked who they are on {host} (SLMM_AUTH={settings.auth})"
        if not is_loopback(host) and hops == 0:
            sentence += "; passwords travel in clear text unless a proxy with TLS stands before it (SLMM_PROXY_HOPS)"
        yield Finding("access", "ok", sentence)
    elif not is_loopback(host):
        sentence = f"nobody is asked who they are, and {host} may be reached from outside; leave SLMM_AUTH=off out"
        yield Finding("access", "warning", sentence)
    elif hops:
        sentence = (
            f"nobody is asked who they are on {host} (SLMM_AUTH={settings.auth}), and {proxy} (SLMM_PROXY_HOPS={hops}) "
            "may let others in as administrators; set SLMM_AUTH=on unless the proxy asks"
        )
        yield Finding("access", "warning", sentence)
    else:
        yield Finding("access", "ok", f"open, on {host} only: everybody on this machine is an administrator")


_CHECKS: tuple[Check, ...] = (_python, _clock, _zones, _data, _database, _key, _open_files, _access)
_NAMES: dict[Check, str] = {_zones: "time zones", _data: "data directory", _key: "key file", _open_files: "open files"}


def look(settings: Settings) -> Iterator[Finding]:
    """Everything in turn; a check that fails in itself is a finding, and the next goes on."""
    for check in _CHECKS:
        try:
            yield from check(settings)
        except (SlmmError, OSError) as error:
            yield Finding(_NAMES.get(check, check.__name__.strip("_")), "failed", str(error))
