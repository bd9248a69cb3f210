"""Every error SLMM raises on purpose; what HTTP makes of each stands in web/problems.py."""

from __future__ import annotations


class SlmmError(Exception):
    """Base of all errors that a caller may expect; the message is one sentence for a person."""


class Invalid(SlmmError):
    """Input that cannot be used: names the field, the value and what is allowed."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(SlmmError):
    """The unit, rule, event or file that was asked for does not exist."""


class NotIdentified(SlmmError):
    """Nobody knows who the caller is: no login, or a token that is none."""


class TooMany(SlmmError):
    """Asked too often; try again later."""

    def __init__(self, message: str, *, retry_after_s: float = 60.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotAllowed(SlmmError):
    """The caller's role is too low for what was asked."""


class Conflict(SlmmError):
    """It exists already, or somebody else holds it."""


class NotInstalled(SlmmError):
    """An optional part of SLMM is wanted that is not installed here; the message says how to."""


class Standby(SlmmError):
    """The service holds no device connections at present, on request of an operator."""


class DiskTrouble(SlmmError):
    """The disk of this computer did not take or give a file."""


class DiskFull(DiskTrouble):
    """There is not enough room for a download."""


class DeviceError(SlmmError):
    """Something between us and one meter went wrong."""


class DeviceDisabled(DeviceError):
    """TCP (or the whole device) is switched off in the configuration."""


class DeviceUnreachable(DeviceError):
    """No TCP connection could be made; ``refused`` tells a RST from silence."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class DeviceTimeout(DeviceError):
    """The meter was reached, but did not answer in time."""


class ConnectionLost(DeviceError):
    """The meter (or the way to it) closed the connection in the middle of an exchange."""

    is_in_reply = False
    """Some of the reply had come: the way broke, nobody else holds the meter."""


class DeviceBusy(DeviceError):
    """The device's queue is full, or a transfer holds the device; try again later."""

    def __init__(self, message: str, *, retry_after_s: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(DeviceError):
    """The meter understood us and said no: ``code`` is ``R+0001`` … ``R+0004``."""

    code = "R+????"
    meaning = "unknown result code"

    def __init__(self, message: str | None = None, *, command: str = "", code: str | None = None) -> None:
        if code is not None:
            self.code = code
        super().__init__(message or f"the meter refused {command!r}: {self.code} ({self.meaning})")
        self.command = command


class CommandError(Refused):
    """R+0001: the command is not recognised, or its comma or parameter is missing."""

    code = "R+0001"
    meaning = "command not recognised"


class NotSupported(CommandError):
    """R+0001 for a command that this meter does not have; the message says what to do instead."""


class ParameterError(Refused):
    """R+0002: count, type or value of a parameter is wrong."""

    code = "R+0002"
    meaning = "parameter wrong"


class DesignationError(Refused):
    """R+0003: a setting was sent to a request-only item, or the reverse."""

    code = "R+0003"
    meaning = "a setting sent to a request-only item, or the reverse"


class StatusError(Refused):
    """R+0004: the right command in the wrong state."""

    code = "R+0004"
    meaning = "wrong state for this command"


class NotConfirmed(DeviceError):
    """The meter accepted a command, but its state says otherwise."""


class Garbled(DeviceError):
    """The meter's bytes do not form the reply that was expected; ``line`` is what came."""

    def __init__(self, message: str, line: str = "") -> None:
        super().__init__(message)
        self.line = line


REFUSALS: dict[str, type[Refused]] = {
    error.code: error for error in (CommandError, ParameterError, DesignationError, StatusError)
}
