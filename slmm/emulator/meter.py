"""The instrument: registers, run state and figures. Time is an argument; there is no clock in here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from slmm.emulator.card import Card, Recording
from slmm.emulator.integration import Measurement, TimeWeighting
from slmm.emulator.quirks import Quirks
from slmm.emulator.registers import REGISTERS
from slmm.emulator.sound import SAMPLE_S, Scenario, Site

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
MISSING = "  -.-"
DISPLAYED = (
    "Leq",
    "LE",
    "Lmax",
    "Lmin",
    "LN1",
    "LN2",
    "LN3",
    "LN4",
    "LN5",
    "Lpeak",
    "LIeq",
    "Leqmov",
    "Ltm5",
)
_ABSENT_DISPLAY = ",".join([MISSING] * 14 + ["-", "-"])
_ABSENT_STREAM = ",".join([MISSING] * 6 + ["-", "-"])


def level(value_db: float | None) -> str:
    """A level as the meter prints it: five characters, one decimal."""
    return MISSING if value_db is None else f"{value_db:5.1f}"


class Instrument:
    """One NL-43 from the microphone to the figures on its display."""

    def __init__(self, scenario: Scenario, seed: int, quirks: Quirks, *, now_s: float, clock: datetime) -> None:
        self.site = Site(scenario, seed)
        self.quirks = quirks
        self.registers = {register.name: register.default for register in REGISTERS.values()}
        self.serial_number = f"{430_000 + seed % 100_000:08d}"
        self.is_measuring = False
        self.measurement: Measurement | None = None
        """Running or held; None before the first."""
        self.battery = "Full"
        self.over = False
        self.under = False
        self.card: Card | None = None
        self.register_set: Callable[[str, str], None] = lambda name, value: None
        """Told of every change: what a register switches is not in here."""
        self._recording: Recording | None = None
        self._clock = clock + timedelta(seconds=quirks.clock_ahead_s)
        self._clock_set_s = now_s
        self._time_weighting = TimeWeighting(self.registers["Time Weighting (Main)"])
        self._sampled_until_s = now_s
        self._lp_db = self._lp_before_db = 0.0
        self._frame = (0.0, 0.0)
        self.advance(now_s + SAMPLE_S)

    @property
    def lp_db(self) -> float:
        """The time-weighted level now."""
        return self._lp_db

    # -- time -------------------------------------------------------------------------------------

    def advance(self, now_s: float) -> None:
        """Let time pass up to *now_s* in steps of 100 ms."""
        while self._sampled_until_s + SAMPLE_S <= now_s:
            self._sampled_until_s += SAMPLE_S
            leq_db, lpeak_db = self.site.next_sample()
            self._frame = (leq_db, lpeak_db)
            self._lp_before_db = self._lp_db or leq_db
            self._lp_db = self._time_weighting.add(leq_db)
            if self.is_measuring and self.measurement and self.registers["Pause"] != "On":
                self.measurement.add(leq_db, self._lp_db, lpeak_db)
                if self._recording is not None:
                    began = self.clock(self._sampled_until_s - SAMPLE_S)
                    self._recording.add(leq_db, self._lp_db, lpeak_db, began, self.over, self.under)
                if self.measurement.duration_s >= self._preset_s():
                    self.stop()

    def _preset_s(self) -> float:
        mode = "Manual" if self.registers["Store Mode"] == "Manual" else "Auto"
        preset = self.registers[f"Measurement Time Preset {mode}"]
        if preset == "Manual":
            number, unit = (self.registers[f"Measurement Time {mode} ({part})"] for part in ("Num", "Unit"))
        else:
            number, unit = preset[:-1], preset[-1]
        return float(number) * _UNITS_S[unit]

    def clock(self, now_s: float) -> datetime:
        """The meter's own local time."""
        passed_s = (now_s - self._clock_set_s) * (1.0 + self.quirks.clock_drift_ppm * 1e-6)
        return self._clock + timedelta(seconds=passed_s)

    def set_clock(self, clock: datetime, now_s: float) -> None:
        """Set the meter's clock."""
        self._clock, self._clock_set_s = clock, now_s
        self.register_set("Clock", f"{clock:%Y/%m/%d %H:%M:%S}")

    # -- control ----------------------------------------------------------------------------------

    def start(self) -> bool:
        """Begin a new measurement; False when one runs, or the card holds one of that name."""
        if self.is_measuring:
            return False
        if self.card is not None and self.registers["Store Mode"] != "Manual":
            if self.card.holds(self.registers):
                return False
            clock = self.clock(self._sampled_until_s)
            self._recording = self.card.record(self.registers, self.serial_number, clock)
        self.is_measuring = True
        self.registers["Pause"] = "Off"
        self.measurement = Measurement()
        return True

    def stop(self) -> bool:
        """End the measurement; False when none runs."""
        was_measuring, self.is_measuring = self.is_measuring, False
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.end(self.clock(self._sampled_until_s))
        return was_measuring

    def store(self) -> bool:
        """Write the last manual measurement to the card; False when there is none to write."""
        is_possible = not self.is_measuring and self.registers["Store Mode"] == "Manual"  # log
        if not (is_possible and self.measurement):
            return False
        if self.card is not None and self.measurement.samples:
            clock = self.clock(self._sampled_until_s)
            self.card.store(self.registers, self.measurement, clock, self.over, self.under)
            self.registers["Manual Address"] = f"{int(self.registers['Manual Address']) + 1:04d}"
        return True

    def set_register(self, name: str, value: str) -> None:
        """Take over a value that was checked."""
        self.registers[name] = value
        if name == "Time Weighting (Main)":
            self._time_weighting.set(value)
        self.register_set(name, value)

    # -- figures ----------------------------------------------------------------------------------

    def _figures(self) -> dict[str, float]:
        measurement = self.measurement
        if measurement is None or measurement.samples == 0:
            return {}
        wanted = sorted((float(self.registers[f"Percentile {n}"]), n) for n in range(1, 6))
        levels = measurement.percentiles_db([percent for percent, _ in wanted])
        figures = {f"LN{n}": value for (_, n), value in zip(wanted, levels, strict=True)}
        return figures | {
            "Leq": measurement.leq_db,
            "LE": measurement.le_db,
            "Lmax": measurement.lmax_db,
            "Lmin": measurement.lmin_db,
            "Lpeak": measurement.lpeak_db,
        }

    def display_line(self, *, with_lp: bool = True) -> str:
        """The data line of DOD, or of DLC without the live Lp: 4 channels × 16 fields (guide pp. 88, 94)."""
        figures = self._figures()
        shown = [
            level(figures.get(name)) if self.registers[f"Display {name}"] == "On" else MISSING for name in DISPLAYED
        ]
        lp = level(self._lp_db) if with_lp else MISSING
        flags = [str(int(self.over)), str(int(self.under))]
        return ",".join([lp, *shown, *flags, _ABSENT_DISPLAY, _ABSENT_DISPLAY, _ABSENT_DISPLAY])

    def stream_line(self, counter: int) -> str:
        """One DRD line for the last 100 ms (guide p. 90)."""
        leq_db, lpeak_db = self._frame
        number = str((counter - 1) % 600 + 1).rjust(self.quirks.counter_width)
        # Lmax and Lmin are of the weighted level, so that Leq may lie above Lmax, as it did on a real meter.
        passed = (self._lp_before_db, self._lp_db)
        fields = [self._lp_db, leq_db, max(passed), min(passed), lpeak_db, None]
        flags = [str(int(self.over)), str(int(self.under))]
        return ",".join([number, *map(level, fields), *flags, _ABSENT_STREAM, _ABSENT_STREAM, _ABSENT_STREAM])

    def stream_status(self, now_s: float) -> str:
        """What ``DRD?status`` appends (guide p. 92; order and widths are a guess)."""
        clock = self.clock(now_s).strftime("%Y/%m/%d %H:%M:%S")
        return f",{clock},E,{self.battery[0]}, 29876,{'M' if self.is_measuring else 'S'}"
