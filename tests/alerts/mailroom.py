"""A mailroom: desk, outbox and channels over a real database, with postmen who keep what they get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from slmm.alerts.channelbook import Channelbook, ReadyChannel
from slmm.alerts.channels.base import Channel, Progress
from slmm.alerts.desk import Desk
from slmm.alerts.letters import CONNECTIVITY, Surroundings, Target, Wishes
from slmm.alerts.links import LinkMaker
from slmm.alerts.messages import DeliveryFailed, Message
from slmm.alerts.outbox import Outbox
from slmm.alerts.people import People
from slmm.alerts.writing import CONTACT_RULE
from slmm.storage import upgrade
from slmm.storage.database import Database
from slmm.storage.models import ChannelRow, EventRow, NotificationRow, ShelfRow
from slmm.storage.secrets import KEY_FILE, SecretBox
from slmm.storage.upgrade import MIGRATIONS
from tests.alerts.http_receiver import Receiver

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""
BERLIN = "Europe/Berlin"
ANNA, BEN = "anna@example.org", "ben@example.org"
HOOK, MAIL = Target("hook"), Target("mail", ANNA)


class Postman(Channel):
    """Keeps every message, and fails as it is told."""

    takes_recipients = True

    def __init__(self) -> None:
        super().__init__(5.0)
        self.messages: list[Message] = []
        self.troubles: list[DeliveryFailed | None] = []
        self.before: Callable[[Message], None] | None = None

    def _deliver(self, message: Message, progress: Progress) -> str:
        self.messages.append(message)
        if self.before is not None:
            self.before(message)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        return "taken"


class Machine(Postman):
    """The same for a machine."""

    takes_recipients = False


def trouble(code: int = 500, **members: Any) -> DeliveryFailed:
    return DeliveryFailed(f"it answered {code}", stage="answer", code=code, **members)


class Mailroom:
    """Desk, channels and outbox over one database, on a clock that goes when it is told to."""

    def __init__(self, path: Path, chance: float = 0.5) -> None:
        self.now = NOON
        self.chance = chance
        self.group_wait_s = 10.0
        self.path = path
        self.database = Database.open(f"sqlite:///{path / 'slmm.db'}")
        self.database.in_pool(upgrade.upgrade, self.database.engine, MIGRATIONS, path / "backups")
        self.box = SecretBox.open(path / KEY_FILE)
        self.book = Channelbook(self.database, lambda: self.now)
        self.book.load(self.box)
        self.people = People(self.database)
        self.outbox = self.another_outbox()
        self._count = 0

    def another_outbox(self) -> Outbox:
        return Outbox(self.database, self.book, lambda *_: (), lambda: self.now, lambda: self.chance)

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def send(self, after_s: float = 0.0) -> int:
        """What is due after that time; how many messages went out."""
        self.go(after_s)
        return self.outbox.send_due(wait=True)

    # -- channels --------------------------------------------------------------------------------------

    def add_webhook(self, name: str, receiver: Receiver | int, **config: Any) -> None:
        port = receiver if isinstance(receiver, int) else receiver.port
        url = f"http://127.0.0.1:{port}/hook"
        self.book.add(name, "webhook", {"url": url, "allow_private": True, **config})

    def add_email(self, name: str, port: int, **config: Any) -> None:
        plain = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "slmm@example.org"}
        self.book.add(name, "email", {**plain, **config})

    def hire(self, name: str, kind: str = "email") -> Postman:
        """A channel of that kind that keeps what it is given."""
        if kind == "email":
            self.add_email(name, 9)
        else:
            self.add_webhook(name, 9)
        postman = Postman() if kind == "email" else Machine()
        self.book._ready[name] = ReadyChannel(name, kind, postman)
        return postman

    def channel(self, name: str) -> ChannelRow:
        found = self.database.read(lambda session: session.scalar(select(ChannelRow).where(ChannelRow.name == name)))
        assert found is not None
        return found

    # -- what happens to events ------------------------------------------------------------------------

    def at_desk(self, work: Callable[[Desk, Session], Any]) -> Any:
        around = Surroundings(
            BERLIN, LinkMaker("https://slmm.example.org", b"key"), self.group_wait_s, self.book.people_channels()
        )
        return self.database.write(lambda session: work(Desk(session, self.now, around), session))

    def open(self, *targets: Target, rule_id: int = 1, unit: str = "a", severity: str = "amber", **wished: Any) -> str:
        """A rule of a unit is broken; the event's uid."""
        self._count += 1
        uid = f"event-{self._count}"
        is_lost = rule_id == CONTACT_RULE
        wishes = Wishes(targets, **wished)

        def work(desk: Desk, session: Session) -> None:
            event = EventRow(
                uid=uid,
                rule_id=rule_id,
                unit_id=unit,
                rule_name=f"Rule {rule_id}",
                rule_json={"remind_after_s": list(wishes.remind_after_s), "words": "alarm above 85 dB"},
                metric=CONNECTIVITY if is_lost else "lp",
                severity=severity,
                threshold_db=85.0,
                breach_at=self.now,
                onset_at=self.now,
                onset_value=None if is_lost else 90.0,
                status="active",
            )
            session.add(event)
            session.flush()
            desk.opened(event, CONNECTIVITY if is_lost else "level", wishes)

        self.at_desk(work)
        return uid

    def _with(self, uid: str, work: Callable[[Desk, EventRow], Any]) -> Any:
        def found(desk: Desk, session: Session) -> Any:
            event = session.scalar(select(EventRow).where(EventRow.uid == uid))
            assert event is not None
            return work(desk, event)

        return self.at_desk(found)

    def worsen(self, uid: str, *targets: Target, **wished: Any) -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.severity, event.acknowledged_at = "red", None
            desk.worsened(event, Wishes(targets, **wished))

        self._with(uid, work)

    def end(self, uid: str, reason: str = "cleared") -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.clear_at, event.end_reason, event.status = self.now, reason, "cleared"
            desk.ended(event)

        self._with(uid, work)

    def acknowledge(self, uid: str) -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.acknowledged_at = self.now
            assert event.incident_id is not None
            desk.acknowledged(event.incident_id)

        self._with(uid, work)

    def alarm_again(self, uid: str, *targets: Target, **wished: Any) -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.occurrences += 1
            desk.alarmed_again(event, Wishes(targets, **wished))

        self._with(uid, work)

    def shelve(self, rule_id: int | None = None, *, for_s: float = 3600.0, is_one_shot: bool = False) -> int:
        row = ShelfRow(
            unit_id="a",
            rule_id=rule_id,
            until=self.now + timedelta(seconds=for_s),
            is_one_shot=is_one_shot,
            created_by="kim",
            created_at=self.now,
            reason="calibration",
        )
        self.database.write(lambda session: session.add(row))
        return row.id

    def unshelve(self, shelf_id: int) -> None:
        def work(desk: Desk, session: Session) -> None:
            row = session.get(ShelfRow, shelf_id)
            assert row is not None
            row.ended_at = self.now
            session.flush()
            desk.unshelved(row.unit_id, row.rule_id)

        self.at_desk(work)

    # -- what is on record -----------------------------------------------------------------------------

    def all(self, kind: Any) -> list[Any]:
        return self.database.read(lambda session: list(session.scalars(select(kind).order_by(kind.id))))

    @property
    def rows(self) -> list[NotificationRow]:
        return self.all(NotificationRow)

    def row(self, kind: str, target: Target = HOOK) -> NotificationRow:
        (found,) = [
            row
            for row in self.rows
            if (row.kind, row.channel, row.recipient) == (kind, target.channel, target.recipient)
        ]
        return found

    @property
    def story(self) -> list[tuple[str, str]]:
        """Kind and status of every message."""
        return [(row.kind, row.status) for row in self.rows]


@contextmanager
def running_mailroom(path: Path, **options: Any) -> Iterator[Mailroom]:
    made = Mailroom(path, **options)
    try:
        yield made
    finally:
        made.outbox.stop(within_s=0.1)
        made.database.close()


def kinds(postman: Postman) -> list[str]:
    return [message.kind.value for message in postman.messages]
