"""The life of the service: everything that runs, started in order and stopped in reverse.

``Runtime`` is built without side effects; ``start`` takes the ownership lock, migrates, restores and
begins to read meters. Called by gunicorn's hooks, by the command line and by tests.
"""

from __future__ import annotations

import logging
import secrets
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from slmm.alerts.backtest import BackTester
from slmm.alerts.limitwatch import LimitWatch
from slmm.alerts.office import AlertOffice
from slmm.alerts.unit import Demand
from slmm.errors import Standby
from slmm.fleet.backups import BackupDesk
from slmm.fleet.cardfetch import CardFetch
from slmm.fleet.cardsync import CardSync
from slmm.fleet.collection import Collector
from slmm.fleet.operations import Operations
from slmm.fleet.pacing import AlertDemand, Cadences
from slmm.fleet.probe import Prober
from slmm.fleet.procedures import fingerprint
from slmm.fleet.supervisor import Fleet
from slmm.fleet.transfers import CardOptions, Transfers
from slmm.hublag import HubLag
from slmm.live.audience import Channel
from slmm.live.feed import Room
from slmm.live.hub import Hub
from slmm.logs import LogRing
from slmm.nl43.connection import KeepAlive
from slmm.nl43.ftp import CardTimes
from slmm.nl43.link import LinkTimes
from slmm.record.card.alignment import ClockReading
from slmm.record.card.merge import CardMerge
from slmm.record.chain.evidence import Evidence
from slmm.record.last_hour import LastHour
from slmm.record.office import SETTLE, RecordOffice
from slmm.record.runs import Runs
from slmm.schedule import Schedule
from slmm.settings import Settings
from slmm.storage import leftovers, recovery, restore, retention, upgrade
from slmm.storage.accounts import Accounts
from slmm.storage.ages import Ages
from slmm.storage.audit import AuditLog
from slmm.storage.board import StatusBoard
from slmm.storage.broken import Broken, everything
from slmm.storage.calibrations import CalibrationBook
from slmm.storage.database import Database
from slmm.storage.devicelog import DeviceLog
from slmm.storage.devices import Roster
from slmm.storage.downloads import PARTIAL_KEPT, Downloads
from slmm.storage.fingerprints import Fingerprints
from slmm.storage.grants import Shares, Tokens
from slmm.storage.ownership import Ownership
from slmm.storage.recorder import Recorder
from slmm.storage.remarks import RemarkBook
from slmm.storage.secrets import KEY_FILE, SecretBox
from slmm.storage.sessions import Sessions
from slmm.storage.templates import SettingsTemplates
from slmm.storage.upgrade import MIGRATIONS

logger = logging.getLogger(__name__)

PRUNE_EVERY = timedelta(minutes=10)
LOG_EVERY_S = 2
SHELVES_EVERY_S = 5
MINUTES_EVERY_S = 2
LIMITS_EVERY_S = 2
MOVE_EVERY_S = 900
SEAL_EVERY_S = 30
BROKEN_EVERY_S = 5
BACKUP_EVERY_S = 60
RECHECK_EVERY_S = 10
"""How soon a stream ends whose right was taken by another process."""


def _keepalive(settings: Settings) -> KeepAlive:
    return KeepAlive(settings.tcp_keepalive_idle, settings.tcp_keepalive_interval, settings.tcp_keepalive_count)


def link_times(settings: Settings) -> LinkTimes:
    """Deadlines and pacing of device links, from the settings."""
    return LinkTimes(
        connect_timeout_s=settings.connect_timeout_s,
        reply_timeout_s=settings.reply_timeout_s,
        pacing_s=settings.device_pacing_s,
        is_persistent=settings.tcp_persistent_enabled,
        idle_ttl_s=settings.tcp_idle_ttl,
        max_age_s=settings.tcp_max_age,
        keepalive=_keepalive(settings),
    )


def cadences(settings: Settings) -> Cadences:
    """How often meters are read, from the settings."""
    return Cadences(
        watched_s=settings.monitor_poll_interval,
        idle_s=settings.monitor_idle_poll_interval,
        state_refresh_s=settings.monitor_state_refresh_s,
        health_refresh_s=settings.monitor_health_refresh_s,
        timezone=settings.timezone,
        backoff_base_s=settings.monitor_backoff_base_s,
        backoff_max_s=settings.monitor_backoff_max_s,
        backoff_watched_max_s=settings.monitor_backoff_watched_max_s,
    )


def card_options(settings: Settings) -> CardOptions:
    """How the meters' FTP servers reach us, from the settings."""
    return CardOptions(
        data_ports=settings.ftp_data_ports,
        data_address=settings.ftp_data_address or None,
        accepts_any_sender=settings.ftp_accepts_any_sender,
        limit_bytes_s=settings.ftp_limit_bytes_s or None,
        times=CardTimes(
            reply_timeout_s=settings.ftp_stall_s,
            stall_s=settings.ftp_stall_s,
            retry_pauses_s=tuple(settings.ftp_retry_s * times for times in (1.0, 2.0, 5.0)),
            keepalive=_keepalive(settings),
        ),
    )


class Runtime:
    """Everything that runs, and the order in which it starts."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.started_at: datetime | None = None
        self.roster = Roster(database)
        self.board = StatusBoard()
        room = Room(settings.feed_memory_kb * 1000, settings.feeds_memory_mb * 1_000_000)
        self.hub = Hub(settings.monitor_heartbeat_s, room=room)
        self.fleet = Fleet(
            self.roster,
            self.board,
            link_times(settings),
            cadences(settings),
            is_standby=not settings.polling_enabled,
        )
        self.prober = Prober(self.fleet, self.roster, self.board, link_times(settings), settings.timezone)
        self.hub.watchers_changed = self._watchers_changed
        self.recorder = Recorder(database, self.board, settings.monitor_trail_sample_s)
        self.alerts = AlertOffice(settings, database, self.roster, self.board, self.hub.recent)
        self.alerts.engine.demand_changed = self._alert_demand_changed
        self.record = RecordOffice(settings, self.zone_of)
        self.last_hour = LastHour(self.record)
        self.evidence = Evidence(settings, database, self.record)
        self.record.file_written = self.evidence.seal_partition
        self.device_log = DeviceLog(database)
        self.runs = Runs(database, self.roster, self.board, fingerprint)
        self.remarks = RemarkBook(database)
        self.limits = LimitWatch(
            self.alerts.limit_book, self.alerts.engine, self.record, self.remarks, self.hub.watchers
        )
        self.alerts.limit_book.changed = self.limits.changed
        self.back_tests = BackTester(database, self.record, self.remarks.exclusions)
        self.calibrations = CalibrationBook(database)
        self.fingerprints = Fingerprints(database)
        self.settings_templates = SettingsTemplates(database)
        self.operations = Operations()
        self.backups = BackupDesk(settings, database, self.operations)
        self.transfers = Transfers(self.fleet, self.roster, self.board, card_options(settings), database.in_pool)
        self.downloads = Downloads(settings.data_dir / "downloads", database.in_pool)
        self.collector = Collector(self.transfers, self.downloads, database.in_pool)
        self.card_merge = CardMerge(self.record, database, self.zone_of, self._clock_of)
        self.card_merge.original_kept = self.evidence.seal_card_file
        self.card_fetch = CardFetch(
            self.fleet, self.board, self.transfers, self.collector, self.runs.book, self.card_merge
        )
        self.card_sync = CardSync(
            self.fleet,
            self.roster,
            self.operations,
            self.runs.book,
            self.card_merge,
            self.card_fetch,
            every_h=settings.card_every_h,
            limit_bytes_s=settings.card_limit_bytes_s or None,
        )
        self.accounts = Accounts(database)
        self.sessions = Sessions(database)
        self.tokens = Tokens(database)
        self.shares = Shares(database)
        self.audit = AuditLog(database)
        self.setup_code: str | None = None
        """What the first account is made with; None when there is one, or none is needed."""
        self._secret_box: SecretBox | None = None
        self.ownership = Ownership(settings.data_dir)
        self.log_ring = LogRing()
        self.hub_lag = HubLag()
        self.broken: list[Broken] = []
        """What was damaged and set aside, until somebody deletes it."""
        self.schedule = Schedule()
        self.ages = Ages()
        self.pruned: tuple[datetime, dict[str, int]] | None = None
        """When what is older than its retention was last removed, and how much of each."""

    def _watchers_changed(self, channel: Channel, unit_id: str, count: int) -> None:
        """The hub tells how many follow a channel of a unit; two of them have the meter read."""
        if channel is Channel.LEVELS:
            self.fleet.set_watchers(unit_id, count)
        elif channel is Channel.STREAM:
            self.fleet.set_stream_watchers(unit_id, count)

    def _alert_demand_changed(self, unit_id: str, wanted: Demand) -> None:
        """The alert engine tells how often the rules of a unit need a reading."""
        self.fleet.set_alert_demand(unit_id, AlertDemand(wanted.interval_s, wanted.polled_s, wanted.needs_stream))

    def zone_of(self, unit_id: str) -> ZoneInfo:
        """The zone a unit's days and its meter's clock are in; that of the service for one that is gone."""
        zone = self.roster.get(unit_id).timezone if unit_id in self.roster else None
        return ZoneInfo(zone or self.settings.timezone)

    def _clock_of(self, unit_id: str) -> ClockReading | None:
        """What a meter's clock showed when it was last read."""
        status = self.board.status(unit_id)
        if status.clock_read_at is None or status.clock_offset_s is None:
            return None
        return ClockReading.in_zone(status.clock_read_at, status.clock_offset_s, self.zone_of(unit_id))

    @property
    def is_running(self) -> bool:
        """Whether ``start`` has come to its end and ``stop`` has not begun."""
        return self.started_at is not None

    def start(self) -> None:
        """Own the data directory, migrate, restore, then read meters."""
        self.log_ring.begin()
        self.ownership.take()
        self.database.in_pool(restore.put_in_place, self.settings.data_dir)
        self.database.in_pool(self._tidy_and_mend)
        self.database.in_pool(upgrade.upgrade, self.database.engine, MIGRATIONS, self.settings.data_dir / "backups")
        self._secret_box = self.database.in_pool(SecretBox.open, self.settings.data_dir / KEY_FILE)
        self.roster.load(self._secret_box)
        self._offer_setup()
        self.board.restore(self.database)
        self.fingerprints.start()
        self.hub.start()
        for device in self.roster.all():
            self.hub.add_unit(device.unit_id)
            if reading := self.board.status(device.unit_id).reading:
                self.hub.seed(reading)
        self.recorder.start()
        self.record.start()
        self.evidence.start()
        self.runs.start()
        self.device_log.start()
        self.alerts.start(self._secret_box)
        self.limits.start()
        self._start_schedule()
        self.hub_lag.start()
        self.fleet.start()
        self.card_sync.start()
        self.started_at = datetime.now(UTC)
        logger.info("running with %d units, data in %s", len(self.roster), self.settings.data_dir)

    def stop(self) -> None:
        """Let go of every meter with FIN, write what is in memory, end every stream."""
        if self.started_at is None:
            return
        began_s = time.monotonic()
        self.started_at = None
        self.operations.stop()
        self.card_sync.stop()
        self.fleet.stop()
        self.limits.stop()
        self.alerts.stop()
        self.schedule.stop()
        self.hub_lag.stop()
        self.hub.stop()
        self.runs.stop()
        self.recorder.stop()
        self.evidence.stop()
        self.record.stop()
        self.device_log.stop()
        self.fingerprints.stop()
        self.database.close()
        self.ownership.release()
        logger.info("stopped in %.1f s", time.monotonic() - began_s)
        self.log_ring.end()

    @property
    def secret_box(self) -> SecretBox:
        """What encrypts secrets at rest; there once the runtime has started."""
        if self._secret_box is None:
            raise Standby("the service is starting; come back in a moment")
        return self._secret_box

    def _offer_setup(self) -> None:
        if not self.settings.requires_login or self.accounts.has_users():
            return
        digits = secrets.token_hex(6).upper()
        self.setup_code = "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))
        logger.warning("there is no account yet: open /setup and enter the code %s", self.setup_code)

    def is_still_granted(self, key: str) -> bool:
        """Whether a right such as ``token:3`` still holds; an empty one always does."""
        kind, _, number = key.partition(":")
        books: dict[str, Sessions | Tokens | Shares] = {
            "session": self.sessions,
            "token": self.tokens,
            "share": self.shares,
        }
        return not key or books[kind].is_valid(int(number))

    def end_revoked_streams(self) -> None:
        """End the streams whose right is no more, also when another process has taken it."""
        self.sessions.forget()
        for owner in self.hub.owners():
            if not self.is_still_granted(owner):
                self.hub.end_of(owner, "the login or token behind this stream has ended")

    def _prune_by_itself(self) -> None:
        if self.ages.are_believed(datetime.now(UTC), self.record.made_until):
            self.prune()

    def prune(self) -> int:
        """Remove trail rows and log entries older than their retention; how many trail rows."""
        now = datetime.now(UTC)
        before = now - timedelta(hours=self.settings.monitor_trail_retention_hours)
        removed: int = self.database.write(lambda session: retention.prune_trail(session, before))
        logs = self.device_log.prune(now - timedelta(days=self.settings.log_retention_days))
        partials = self.downloads.prune_partials(now - PARTIAL_KEPT)
        self.sessions.prune()
        self.alerts.prune(now)
        self.audit.prune(now - timedelta(days=self.settings.audit_retention_days))
        files = self.record.prune(now)
        if files:
            self.evidence.catch_up(now)
        kinds = [each.kind for each in files]
        removed_files = {kind: kinds.count(kind) for kind in ("frames", "minutes")}
        self.pruned = (now, {"trail": removed, "logs": logs, "partials": partials, **removed_files})
        logger.debug("pruned %d trail rows", removed)
        return removed

    def _start_schedule(self) -> None:
        add = self.schedule.add
        self.schedule.start()
        add("prune", self._prune_by_itself, PRUNE_EVERY.total_seconds(), at_once=True)
        add("write device logs", self.device_log.flush, LOG_EVERY_S)
        add("end shelvings", self.alerts.inbox.expire_shelves, SHELVES_EVERY_S)
        add("make minutes", self.record.close_minutes, MINUTES_EVERY_S)
        add("judge limits", self.limits.look, LIMITS_EVERY_S)
        add("settle the record", self.record.settle, SETTLE.total_seconds())
        add("put past days into files", self.record.move_days, MOVE_EVERY_S)
        add("seal hours", self.evidence.catch_up_hours, SEAL_EVERY_S)
        add("seal files", self.evidence.catch_up, MOVE_EVERY_S, at_once=True)
        if self.settings.alert_heartbeat_url:
            add("heartbeat", self.alerts.beat, self.settings.alert_heartbeat_s, at_once=True)
        add("look at what was set aside", self._look_at_broken, BROKEN_EVERY_S, at_once=True)
        add("look for a backup that is due", self.backups.look, BACKUP_EVERY_S, at_once=True)
        add("end revoked streams", self.end_revoked_streams, RECHECK_EVERY_S)

    def _tidy_and_mend(self) -> None:
        """Clear away what a crash left; a damaged database must not be migrated, nor believed in what it says."""
        leftovers.clear(self.settings.data_dir)
        file = recovery.file_of(self.database.engine)
        if file is not None:
            within_s = recovery.AFTER_CRASH_S if self.ownership.was_cut_off else recovery.AFTER_CLEAN_STOP_S
            recovery.wait_until_free(file)
            recovery.mend(file, self.settings.data_dir, MIGRATIONS, within_s)

    def _look_at_broken(self) -> None:
        file = recovery.file_of(self.database.engine)
        tops = {self.settings.data_dir.resolve(), *([] if file is None else [file.parent.resolve()])}
        self.broken = self.database.in_pool(everything, *tops)

    def owns_data(self) -> bool:
        """Whether the data directory is still ours; asks the disk."""
        return self.ownership.holds()
