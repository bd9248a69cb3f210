"""One fetch of an SD card into the record: find the folder of a run, bring its files, merge them, tell of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import gevent

from slmm.errors import DeviceError, NotFound
from slmm.events import LogCategory, LogLevel, RunState
from slmm.fleet.collection import Collector, FetchedFolder
from slmm.fleet.health import clock_offset_s
from slmm.fleet.jobs import Priority
from slmm.fleet.operations import Operation
from slmm.fleet.procedures import Ask, enable_ftp
from slmm.fleet.supervisor import Fleet
from slmm.fleet.transfers import CARD_TOP, Transfers
from slmm.nl43.meter import Meter
from slmm.record.card.alignment import ClockReading
from slmm.record.card.file import Fetched, is_wanted
from slmm.record.card.merge import CardMerge, Merged
from slmm.storage.board import StatusBoard
from slmm.storage.models import RunRow
from slmm.storage.runs import RunBook

T = TypeVar("T")

STEP_TIMEOUT_S = 30.0
BEGUN_WITHIN = timedelta(minutes=15)
"""A folder carries the time of its making; the run began then, as far as clock and zone are known."""
COMPLETE_WITHIN = timedelta(minutes=2)


class CardFetch:
    """For whoever asks: a person, or ``cardsync``."""

    def __init__(
        self,
        fleet: Fleet,
        board: StatusBoard,
        transfers: Transfers,
        collector: Collector,
        runs: RunBook,
        merge: CardMerge,
    ) -> None:
        self._fleet = fleet
        self._board = board
        self._transfers = transfers
        self._collector = collector
        self._runs = runs
        self._merge = merge

    def run_state(self, unit_id: str) -> RunState | None:
        """Whether the meter measures, as far as is known for sure."""
        status = self._board.status(unit_id)
        return status.run_state if status.state_read_at is not None else None

    def see_to_ftp(self, operation: Operation, unit_id: str) -> None:
        """Switch the meter's FTP server on if it is off; only for a meter that does not measure."""
        ask = self._asker(unit_id)
        operation.step("see to FTP")
        if ask(lambda meter: meter.read_value("FTP"), "ask for FTP").lower() != "on":
            enable_ftp(ask, operation, sleep=gevent.sleep, port_answers=self._transfers.port_answers(unit_id))

    def _asker(self, unit_id: str) -> Ask:
        def ask(action: Callable[[Meter], T], what: str) -> T:
            return self._fleet.request(unit_id, action, what, STEP_TIMEOUT_S, Priority.STEP)

        return ask

    def bring(
        self, operation: Operation, unit_id: str, run: RunRow | None, *, limit_bytes_s: float | None = None
    ) -> FetchedFolder:
        """The stored intervals of a run, or all there are on the card; raises NotFound, DeviceError, DiskTrouble."""
        self._read_clock(operation, unit_id)
        path = CARD_TOP
        if run is not None:
            operation.step("find the measurement on the card")
            path = (
                self._collector.find_measurement(unit_id, run.store_name)
                if run.store_name is not None
                else self._collector.find_begun_at(unit_id, run.started_at, BEGUN_WITHIN)
            )
        return self._collector.fetch_folder(operation, unit_id, path, is_wanted=is_wanted, limit_bytes_s=limit_bytes_s)

    def _read_clock(self, operation: Operation, unit_id: str) -> None:
        """What the rows are placed by; where the meter does not say, what it said before must do."""
        operation.step("read the clock")
        try:
            shown = self._asker(unit_id)(Meter.read_clock, "read the clock")
        except DeviceError as error:
            operation.end_step("skipped", str(error))
            return
        at, zone = datetime.now(UTC), self._transfers.zone(unit_id)
        reading = ClockReading.in_zone(at, clock_offset_s(shown, at, zone), zone)
        self._merge.ledger.note_clock(unit_id, reading, is_news=True)

    def take(self, unit_id: str, folder: FetchedFolder, *, run_id: int | None = None) -> Merged:
        """Bring what was fetched into the record, and say so at the runs and in the log; raises DiskTrouble."""
        at = datetime.now(UTC)
        files = [
            Fetched(file.remote.path, file.path, file.sha256, file.size_bytes, file.is_growing, at)
            for file in folder.fetched.files
            if is_wanted(file.remote.path)
        ]
        merged = self._merge.merge(unit_id, files)
        missing = [text for text in folder.unusable if is_wanted(text.partition(": ")[0])]
        if folder.is_cut:
            missing.append("the folder holds more than one download takes")
        for number in {*merged.runs, *([run_id] if run_id is not None else [])}:
            self._tell_run(unit_id, number, merged, missing)
        self._write(unit_id, merged, folder)
        return merged

    def _tell_run(self, unit_id: str, run_id: int, merged: Merged, missing: list[str]) -> None:
        run = self._runs.get(unit_id, run_id)
        note = merged.text()
        if run_id not in merged.runs:
            card, note = "failed", "the card holds no intervals of that time"
        elif run.ended_at is None or missing:
            card = "partial"
        else:
            card = "merged"
            if merged.ends_at is not None and merged.ends_at < run.ended_at - COMPLETE_WITHIN:
                note += f"; the card holds nothing after {merged.ends_at:%Y-%m-%d %H:%M:%S} UTC"
        note = "; ".join([note, *missing[:5]])
        self._runs.change(run_id, card=card, card_note=note, card_at=datetime.now(UTC))

    def _write(self, unit_id: str, merged: Merged, folder: FetchedFolder) -> None:
        text = f"SD card, {folder.name}: {merged.text()}"
        try:
            self._fleet.worker(unit_id).journal.write(LogLevel.INFO, LogCategory.FTP, text)
        except (NotFound, DeviceError):  # taken off the roster meanwhile, or in standby
            return
