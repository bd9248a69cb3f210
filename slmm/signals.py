"""All signals of the program, and the one way to send them.

Order of meaning: reading → contact, measurement, mode → runs → alerts → delivery. A receiver may
publish only signals further right, so no event comes back to its cause. Receivers run in the
sender's greenlet and must return at once.
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal, Namespace

logger = logging.getLogger(__name__)

_namespace = Namespace()

reading_taken = _namespace.signal("reading-taken", "event: events.Reading")
levels_streamed = _namespace.signal("levels-streamed", "event: events.StreamedLevels")
stream_ended = _namespace.signal("stream-ended", "event: events.StreamEnd")
contact_changed = _namespace.signal("contact-changed", "event: events.ContactChange")
measurement_changed = _namespace.signal("measurement-changed", "event: events.MeasurementChange")
run_settings_read = _namespace.signal("run-settings-read", "event: events.RunSettingsRead")
run_changed = _namespace.signal("run-changed", "event: events.RunChange")
mode_changed = _namespace.signal("mode-changed", "event: events.ModeChange")
labels_read = _namespace.signal("labels-read", "event: events.LabelsRead")
hold_changed = _namespace.signal("hold-changed", "event: events.HoldChange")
minute_made = _namespace.signal("minute-made", "event: events.MinuteMade")
limits_stood = _namespace.signal("limits-stood", "event: events.LimitsStanding")
roster_changed = _namespace.signal("roster-changed", "event: events.RosterChange")
operation_changed = _namespace.signal("operation-changed", "event: events.OperationChange")
alert_changed = _namespace.signal("alert-changed", "event: events.AlertChange")
logged = _namespace.signal("logged", "event: events.LogEntry")


def publish(signal: NamedSignal, event: Any) -> None:
    """Hand *event* to every receiver of *signal*; one that fails is logged and the others still run.

    The sender is the event's ``unit_id``. (blinker's own ``send`` stops at the first receiver that raises.)
    """
    for receiver in signal.receivers_for(event.unit_id):
        try:
            receiver(event.unit_id, event=event)
        except Exception:
            logger.exception("receiver %r of %s failed", receiver, signal.name)
