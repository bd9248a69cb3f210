"""One meter as its owner sees it: the verbs made of commands.

Every method blocks the greenlet that calls it; only the worker that owns the meter does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import gevent

from slmm import events
from slmm.errors import CommandError, DeviceError, NotConfirmed, NotSupported, Refused
from slmm.nl43 import commands, readings
from slmm.nl43.link import Link, LinkTimes, LinkWatch

logger = logging.getLogger(__name__)


class Meter(Link):
    """What can be asked of an NL-43."""

    def __init__(
        self,
        unit_id: str,
        host: str,
        port: int,
        times: LinkTimes,
        saw_run_state: Callable[[events.RunState, bool], None],
        watch: LinkWatch | None = None,
    ) -> None:
        super().__init__(unit_id, host, port, times, watch)
        self.asked_state: events.RunState | None = None
        """What the last accepted start or stop of ours asked for."""
        self._saw_run_state = saw_run_state
        self._gives_status = True

    def read_display(self) -> tuple[tuple[events.Levels, ...], str]:
        """What the meter shows now (DOD): the levels of four channels, and the line as it came."""
        return self.run(commands.READ_DISPLAY, lambda line: (readings.decode_display(line), line))

    def read_run_state(self) -> events.RunState | None:
        """Whether a measurement runs; None when the meter says something that is neither Start nor Stop."""
        state = self.run(commands.READ_RUN_STATE, readings.parse_run_state)
        if state is not None:
            if state is not self.asked_state:
                self.asked_state = None
            self._saw_run_state(state, self.asked_state is not None)
        return state

    def start_measurement(self) -> events.RunState | None:
        """End a sleep mode, start, and read the state back.

        Raises StatusError when it runs already, NotConfirmed when the meter says that nothing runs.
        """
        self.end_sleep()
        self.run(commands.START, str)
        self.asked_state = events.RunState.MEASURING
        state = self._confirmed(events.RunState.MEASURING)
        if state is events.RunState.STOPPED:
            raise NotConfirmed(f"{self.unit_id} accepted the start, but says that it is stopped")
        return state

    def end_sleep(self) -> bool:
        """Switch a sleep mode off; tells whether one was on."""
        try:
            if self.read_value("Sleep Mode").lower() != "on":
                return False
            self.run(commands.setting("Sleep Mode", "Off"), str)
        except CommandError:
            logger.debug("%s knows no sleep mode", self.unit_id)  # the option program is missing
            return False
        return True

    def stop_measurement(self) -> events.RunState | None:
        """Stop; raises StatusError when nothing runs. The read that follows cannot undo the success."""
        self.run(commands.STOP, str)
        self.asked_state = events.RunState.STOPPED
        return self._confirmed(events.RunState.STOPPED)

    def _confirmed(self, expected: events.RunState) -> events.RunState | None:
        try:
            state = self.read_run_state()
        except DeviceError as error:
            logger.warning("%s accepted the command, but its state could not be read: %s", self.unit_id, error)
            self._saw_run_state(expected, True)
            return expected
        return state

    def pause_measurement(self) -> None:
        """Hold the running measurement; raises StatusError when nothing runs."""
        self.run(commands.setting("Pause", "On"), str)

    def resume_measurement(self) -> None:
        """Go on after a pause."""
        self.run(commands.setting("Pause", "Off"), str)

    def reset_measurement(self) -> None:
        """Send the Reset of 0.4.0; raises NotSupported, for the guide's index has no such command."""
        try:
            self.run(commands.setting("Reset", ""), str)
        except CommandError as error:
            raise NotSupported(
                f"{self.unit_id} has no reset; stop and start begins a new measurement", command="Reset"
            ) from error

    def store_result(self) -> None:
        """Write the last manual measurement to the SD card; raises StatusError unless one waits to be stored."""
        self.run(commands.setting("Manual Store", "Start"), str)

    def read_result(self) -> tuple[tuple[events.Levels, ...], str]:
        """The result of the running or last measurement (DLC), and the line as it came."""
        return self.run(commands.READ_RESULT, lambda line: (readings.decode_display(line), line))

    def read_clock(self) -> datetime:
        """The meter's own clock: local time without a zone; raises Garbled for anything else."""
        return self.run(commands.request("Clock"), readings.parse_clock)

    def set_clock(self, local: datetime) -> None:
        """Set the meter's clock to a naive local time; raises StatusError while it measures."""
        self.run(commands.setting("Clock", f"{local:%Y/%m/%d %H:%M:%S}"), str)

    def set_clock_now(self, local_now: Callable[[], datetime]) -> datetime:
        """Set the clock to the local time of the moment at which the command is sent; what it was set to.

        The meter shows whole seconds, so it is told at the beginning of one.
        """
        self.wait_for_turn()
        now = local_now()
        gevent.sleep(1.0 - now.microsecond / 1e6)
        whole = (now + timedelta(seconds=1)).replace(microsecond=0)
        self.set_clock(whole)
        return whole

    def read_battery(self) -> str:
        """A word such as Full; the guide gives no list (comm. guide p. 43)."""
        return self.read_value("Battery Level")

    def write_setting(self, name: str, value: str) -> None:
        """Change one setting; raises Invalid before anything is sent, Refused when the meter says no."""
        self.run(commands.setting(name, value), str)

    def read_value(self, name: str) -> str:
        """The value of one setting; raises Refused when the meter says no."""
        return self.run(commands.request(name), str).strip()

    def read_setting(self, name: str) -> str | None:
        """The value of one setting, or None when this meter does not have it."""
        try:
            return self.read_value(name) or None
        except Refused:
            return None

    def begin_stream(self) -> None:
        """Begin DRD, with the meter's state in each line where it can give it; raises Refused."""
        if self._gives_status:
            try:
                self.open_stream(commands.STREAM_STATUS)
                return
            except Refused as refusal:
                logger.info("%s streams without its state: %s", self.unit_id, refusal)
                self._gives_status = False
        self.open_stream(commands.STREAM)
