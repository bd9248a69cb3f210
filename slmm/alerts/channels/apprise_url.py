"""The many services that apprise knows, one URL per channel; nothing of a URL but its schema is ever shown."""

from __future__ import annotations

import logging
import re
import warnings
from contextvars import ContextVar
from functools import cache
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, unquote

import gevent
from pydantic import AfterValidator, Field

from slmm.alerts.channels.base import Channel, Progress, one_sentence
from slmm.alerts.channels.config import SECRET, ChannelConfig
from slmm.alerts.messages import DeliveryFailed, Message, MessageKind
from slmm.errors import Invalid

LOCAL = {"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
"""Schemas that act on this computer instead of sending."""
THREADED = {"mqtt", "mqtts", "xmpp", "xmpps"}
"""Schemas with an event loop of their own, beside the hub; for MQTT there is a channel."""
RECIPIENT = "{recipient}"
"""Stands in a URL where each message's address belongs."""

TYPES = {
    MessageKind.ONSET: "warning",
    MessageKind.ESCALATION: "failure",
    MessageKind.REMINDER: "warning",
    MessageKind.SYSTEM: "failure",
    MessageKind.CLEAR: "success",
}
"""What apprise colours messages by; all others are ``info``."""

_told: ContextVar[list[str] | None] = ContextVar("slmm_apprise_told", default=None)


def _schema(url: str) -> str:
    """Raises ValueError, without repeating the URL, for one that must not be used."""
    found = re.fullmatch(r"([A-Za-z0-9]{1,20})://[!-~]{1,2000}", url)
    if found is None:
        raise ValueError("one URL of apprise, such as tgram://token/chat")
    schema = found[1].lower()
    if schema in LOCAL:
        raise ValueError(f"{schema}:// acts on this computer; only services of the network are allowed")
    if schema in THREADED:
        raise ValueError(f"{schema}:// cannot be used by apprise here; for MQTT there is a kind of its own")
    return schema


def _url(url: str) -> str:
    schema = _schema(url)
    if RECIPIENT not in url and _service(url) is None:
        raise ValueError(f"{schema}:// is no service of apprise, or lacks a part that this service needs")
    return url


class AppriseConfig(ChannelConfig):
    """One service for one receiver: of two in a URL nobody could say which of them got a message."""

    kind: ClassVar[str] = "apprise"

    url: Annotated[str, AfterValidator(_url), SECRET]
    """With ``{recipient}`` in it, each message brings its own address."""
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 20.0


class AppriseChannel(Channel):
    """Sends by the plugin that the URL names."""

    def __init__(self, config: AppriseConfig) -> None:
        super().__init__(config.timeout_s)
        self.config = config
        self.shown = f"{_schema(config.url)}://…"
        """All of the URL that may be told."""
        self.takes_recipients = RECIPIENT in config.url

    def check_recipient(self, text: str) -> str:
        """The address, where the URL asks for one; raises Invalid where the service does not take it."""
        if not self.takes_recipients:
            return super().check_recipient(text)
        address = text.strip()
        # A comma or a slash would make several receivers of it.
        if not re.fullmatch(r"[A-Za-z0-9@._+#-]{1,200}", address) or _service(self._filled(address)) is None:
            raise Invalid(f"recipient {text!r} is not allowed: an address as {self.shown} takes it", "recipient")
        return address

    def _filled(self, recipient: str) -> str:
        return self.config.url.replace(RECIPIENT, quote(recipient, safe=""))

    def _deliver(self, message: Message, progress: Progress) -> str:
        url = self._filled(message.recipient)
        told: list[str] = []
        token = _told.set(told)
        try:
            service = _service(url)
            progress.stage = "data"
            took = service is not None and service.notify(
                body=message.text, title=message.subject, notify_type=TYPES.get(message.kind, "info")
            )
        except Exception as error:  # noqa: BLE001 - any of 170 plugins may raise anything; translated at this border
            told.append(type(error).__name__)
            took = False
        finally:
            _told.reset(token)
        if took:
            return f"{self.shown} took it"
        # Not the cause: its text and its frames hold the URL.
        raise _failure(self.shown, url, told, progress.stage) from None


def _failure(shown: str, url: str, told: list[str], stage: str) -> DeliveryFailed:
    """Worth another attempt whatever it was: apprise does not tell what will pass from what will not."""
    text = one_sentence("; ".join(told) or "no reason given", _parts(url))
    code = re.search(r"\berror=(\d{3})\b", text)
    return DeliveryFailed(f"{shown} failed: {text}", stage=stage, code=int(code[1]) if code else None)


def _parts(url: str) -> set[str]:
    """Whatever of a URL may be a secret: tokens stand in each of its places."""
    rest = url.partition("://")[2]
    parts = {part for text in (rest, unquote(rest)) for part in re.split(r"[/:@?&=+,;#]+", text)}
    return {rest, *(part for part in parts if len(part) > 2)}


class _Listener(logging.Handler):
    """Keeps what apprise logs for the greenlet whose message it is about."""

    def emit(self, record: logging.LogRecord) -> None:
        told = _told.get()
        if told is not None:
            told.append(record.getMessage())


@cache
def _apprise() -> Any:
    """The package, made silent: its own lines show tokens."""
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(_Listener())
    # On the hub it would hold up every meter for 0.25 s; from a thread it is 15 ms.
    return gevent.get_hub().threadpool.apply(_imported)


def _imported() -> Any:
    with warnings.catch_warnings():
        # On Python 3.11 and 3.12 it imports imghdr, which is deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Imported where it is needed: with its 170 plugins it costs 14 MB, and few sites have such a channel.
        import apprise
        from apprise.manager_plugins import NotificationManager

        manager: Any = NotificationManager
        manager().load_modules()
    return apprise


def _service(url: str) -> Any:
    """The plugin for a URL; None for a URL that apprise cannot use."""
    apprise = _apprise()
    asset = apprise.AppriseAsset(async_mode=False, http_redirects=False, secure_logging=True)
    try:
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=False)
    except (TypeError, ValueError, apprise.exception.AppriseException):
        return None
    if service is not None:
        # Whatever the URL says: redirects lead to places that nobody chose, and attempts are the outbox's.
        service.redirects = False
        service.retry = 0
    return service
