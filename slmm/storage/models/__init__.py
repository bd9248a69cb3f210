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
from slmm.storage.models.journal import FingerprintRow, LogRow, SettingsTemplateRow
from slmm.storage.models.level import ReadingRow
from slmm.storage.models.record import (
    CalibrationRow,
    CardFileRow,
    LimitRow,
    RemarkRow,
    RunRow,
    SealRow,
)

__all__ = [
    "AuditRow",
    "CalibrationRow",
    "CardFileRow",
    "ChannelRow",
    "DeviceRow",
    "EventRow",
    "FingerprintRow",
    "IncidentRow",
    "LimitRow",
    "LogRow",
    "NotificationRow",
    "ReadingRow",
    "RecipientRow",
    "RemarkRow",
    "RuleRow",
    "RunRow",
    "SealRow",
    "SessionRow",
    "SettingsTemplateRow",
    "ShareRow",
    "ShelfRow",
    "StateRow",
    "StatusRow",
    "TokenRow",
    "TransitionRow",
    "UserRow",
]
