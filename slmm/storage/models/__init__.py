"""All tables, so that importing this package makes the metadata complete."""

from slmm.storage.models.access import AuditRow, SessionRow, ShareRow, TokenRow, UserRow
from slmm.storage.models.alert import (
    ChannelRow,
    EventRow,
    IncidentRow,
    NotificationRow,
    RecipientRow,
    RuleRow,
    ShelfRow,
    StateRow,
    TransitionRow,
)
from slmm.storage.models.device import DeviceRow, StatusRow
from slmm.storage.models.journal import FingerprintRow, LogRow
from slmm.storage.models.level import ReadingRow

__all__ = [
    "AuditRow",
    "ChannelRow",
    "DeviceRow",
    "EventRow",
    "FingerprintRow",
    "IncidentRow",
    "LogRow",
    "NotificationRow",
    "ReadingRow",
    "RecipientRow",
    "RuleRow",
    "SessionRow",
    "ShareRow",
    "ShelfRow",
    "StateRow",
    "StatusRow",
    "TokenRow",
    "TransitionRow",
    "UserRow",
]
