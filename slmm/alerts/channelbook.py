"""The channels in the database: settings encrypted as a whole, health beside them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from slmm.alerts.channels import registry
from slmm.alerts.channels.base import Channel
from slmm.alerts.channels.config import public_view
from slmm.errors import Conflict, Invalid, NotFound, SlmmError
from slmm.storage.database import Database
from slmm.storage.models import ChannelRow
from slmm.storage.secrets import SecretBox
from slmm.times import timestamp_or_none

logger = logging.getLogger(__name__)

LOG = "log"
"""The channel that is always there and needs no settings."""
ADDRESSED_KINDS = frozenset({"email"})
"""Kinds whose messages need an address each; the others have one receiver of their own."""
PEOPLE_KINDS = frozenset({"email", "apprise"})
"""Kinds read by people: their messages are grouped and bounded; machines get each one."""


@dataclass(frozen=True, slots=True)
class ReadyChannel:
    """A channel that can send, or the reason why it cannot."""

    name: str
    kind: str
    channel: Channel | None
    error: str | None = None


class Channelbook:
    """All channels; a change is committed first, then used."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.changed: Callable[[], None] | None = None
        """Called when channels came, went or have other settings."""
        self._database = database
        self._now = now
        self._box: SecretBox | None = None
        self._ready: dict[str, ReadyChannel] = {}

    def load(self, box: SecretBox) -> None:
        """Read all channels; one whose settings no key opens is shown as broken, and the others work."""
        self._box = box
        rows = self._database.read(lambda session: list(session.scalars(select(ChannelRow))))
        self._ready = {row.name: self._database.in_pool(self._prepare, row) for row in rows}  # apprise loads slowly
        self._ready[LOG] = ReadyChannel(LOG, LOG, registry.make(LOG, {}))

    def _prepare(self, row: ChannelRow) -> ReadyChannel:
        try:
            return ReadyChannel(row.name, row.kind, registry.make(row.kind, self._config(row)))
        except SlmmError as error:
            logger.error("channel %s cannot be used: %s", row.name, error)
            return ReadyChannel(row.name, row.kind, None, str(error))

    def _config(self, row: ChannelRow) -> dict[str, Any]:
        text = self._sealing().unseal(row.config_sealed)
        try:
            config = json.loads(text)
        except ValueError:
            raise Invalid("its settings are no JSON; give them again") from None
        if not isinstance(config, dict):
            raise Invalid("its settings are no JSON object; give them again")
        return config

    def _sealing(self) -> SecretBox:
        if self._box is None:
            raise Conflict("the channels are not loaded yet")
        return self._box

    # -- for engine and outbox ----------------------------------------------------------------------

    def takes_recipients(self) -> dict[str, bool]:
        """Every channel by name, and whether its messages need an address."""
        return {name: _takes_recipients(ready) for name, ready in self._ready.items()}

    def people_channels(self) -> frozenset[str]:
        """The channels read by people."""
        return frozenset(name for name, ready in self._ready.items() if ready.kind in PEOPLE_KINDS)

    def ready(self, name: str) -> ReadyChannel | None:
        """A channel by name."""
        return self._ready.get(name)

    def kinds(self) -> dict[str, str]:
        """The kind of every channel."""
        return {name: ready.kind for name, ready in self._ready.items()}

    # -- for people -----------------------------------------------------------------------------------

    def all(self) -> list[dict[str, Any]]:
        """Every channel without its secrets, with its health."""
        rows = self._database.read(lambda session: list(session.scalars(select(ChannelRow).order_by(ChannelRow.name))))
        return [self._view(row) for row in rows]

    def get(self, name: str) -> dict[str, Any]:
        """One channel; raises NotFound."""
        return self._view(self._row(name))

    def add(self, name: str, kind: str, config: Mapping[str, Any], *, is_enabled: bool = True) -> dict[str, Any]:
        """A new channel; raises Conflict for a name that is taken, Invalid for settings that cannot be used."""
        merged = registry.merged(self._known_kind(kind), None, dict(config))
        if name in self._ready:
            raise Conflict(f"channel {name!r} exists already")
        row = ChannelRow(
            name=name,
            kind=kind,
            config_sealed=self._sealing().seal(json.dumps(merged)),
            is_enabled=is_enabled,
            is_paused=False,
            failures=0,
            created_at=self._now(),
        )
        self._database.write(lambda session: session.add(row))
        return self._changed(row)

    def change(self, name: str, config: Mapping[str, Any], *, is_enabled: bool | None = None) -> dict[str, Any]:
        """Other settings; a channel that had stopped by itself starts again."""
        row = self._row(name)
        merged = registry.merged(row.kind, self._stored(row), dict(config))
        row.config_sealed = self._sealing().seal(json.dumps(merged))
        row.is_enabled = row.is_enabled if is_enabled is None else is_enabled
        row.is_paused, row.failures, row.failing_since, row.not_before = False, 0, None, None
        self._database.write(lambda session: session.merge(row))
        return self._changed(row)

    def remove(self, name: str) -> None:
        """Forget a channel; messages that wait for it are given up by the outbox."""
        row = self._row(name)

        def erase(session: Any) -> None:
            session.delete(session.get(ChannelRow, row.id))

        self._database.write(erase)
        self._ready.pop(name, None)
        self._tell()

    def secrets(self) -> set[str]:
        """Every secret of every channel, so that whoever gives something away can make sure that none is in it."""
        rows = self._database.read(lambda session: list(session.scalars(select(ChannelRow))))
        found: set[str] = set()
        for row in rows:
            stored = self._stored(row) or {}
            secret = registry.KINDS[row.kind].secrets() if row.kind in registry.KINDS else frozenset(stored)
            names = secret | {name for name in stored if "url" in name}  # which may hold the key of a webhook
            for name in names:
                found |= _texts(stored.get(name))
        return found

    def draft(self, kind: str, name: str | None, config: Mapping[str, Any]) -> Channel:
        """A channel to try before it is saved; every member left out is the saved one's. Raises Invalid or NotFound."""
        if name == LOG:
            return registry.make(LOG, {})
        row = self._row(name) if name else None
        if row is not None and row.kind != self._known_kind(kind):  # its secrets are for its own kind of receiver
            raise Invalid(f"kind {kind!r} is not that of channel {row.name!r}: {row.kind}", field="kind")
        stored = self._stored(row) if row is not None else None
        return registry.make(self._known_kind(kind), registry.merged(kind, stored, dict(config)))

    def kind_of(self, name: str) -> str:
        """The kind of a channel; raises NotFound."""
        found = self._ready.get(name)
        if found is None:
            raise NotFound(f"there is no channel {name!r}")
        return found.kind

    def _known_kind(self, kind: str) -> str:
        if kind not in registry.KINDS or kind == LOG:
            allowed = ", ".join(sorted(set(registry.KINDS) - {LOG}))
            raise Invalid(f"kind {kind!r} is not allowed: {allowed}", field="kind")
        return kind

    def _stored(self, row: ChannelRow) -> dict[str, Any] | None:
        try:
            return self._config(row)
        except Invalid:
            return None  # its key is gone: everything is to be given again

    def _row(self, name: str) -> ChannelRow:
        row = self._database.read(lambda session: session.scalar(select(ChannelRow).where(ChannelRow.name == name)))
        if row is None:
            raise NotFound(f"there is no channel {name!r}")
        return row

    def _changed(self, row: ChannelRow) -> dict[str, Any]:
        self._ready[row.name] = self._database.in_pool(self._prepare, row)
        self._tell()
        return self._view(row)

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def _view(self, row: ChannelRow) -> dict[str, Any]:
        ready = self._ready.get(row.name)
        health = "ok"
        if ready is None or ready.channel is None:
            health = "broken"
        elif not row.is_enabled:
            health = "off"
        elif row.is_paused:
            health = "paused"
        elif row.failures:
            health = "failing"
        return {
            "id": row.id,
            "name": row.name,
            "kind": row.kind,
            "enabled": row.is_enabled,
            "health": health,
            "failures": row.failures,
            "failing_since": timestamp_or_none(row.failing_since),
            "last_error": row.last_error or (ready.error if ready else None),
            "last_ok_at": timestamp_or_none(row.last_ok_at),
            "takes_recipients": ready is not None and _takes_recipients(ready),
            "config": self._shown_config(row),
        }

    def _shown_config(self, row: ChannelRow) -> dict[str, Any]:
        """Its settings without secrets; nothing of a broken channel."""
        try:
            return public_view(registry.configuration(row.kind, self._config(row)))
        except Invalid:
            return {}


def _texts(value: object) -> set[str]:
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(_texts(each) for each in inner))


def _takes_recipients(ready: ReadyChannel) -> bool:
    return ready.kind in ADDRESSED_KINDS if ready.channel is None else ready.channel.takes_recipients
