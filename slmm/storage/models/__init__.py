"""All tables, so that importing this package makes the metadata complete."""

from slmm.storage.models.access import AuditRow, SessionRow, ShareRow, TokenRow, UserRow
from slmm.storage.models.alert import EventRow, RuleRow
from slmm.storage.models.device import DeviceRow, StatusRow
from slmm.storage.models.journal import FingerprintRow, LogRow
from slmm.storage.models.level import ReadingRow

__all__ = [
    "AuditRow",
    "DeviceRow",
    "EventRow",
    "FingerprintRow",
    "LogRow",
    "ReadingRow",
    "RuleRow",
    "SessionRow",
    "ShareRow",
    "StatusRow",
    "TokenRow",
    "UserRow",
]
