"""The feeds of all units and who follows them: what happens becomes a frame, and a frame goes to its viewers."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import gevent
from gevent.event import Event

from slmm import events, signals
from slmm.errors import NotFound
from slmm.live import encoding
from slmm.live.audience import CONFLATING, OF_LEVELS, Audience, Channel
from slmm.live.delivery import Delivery
from slmm.live.feed import RING_FRAMES, Feed, Room
from slmm.live.formats import Format
from slmm.live.outlet import Outlet
from slmm.live.viewer import NEWEST, Start, Viewer

logger = logging.getLogger(__name__)

FAREWELL_S = 2.0
"""How long a stopping hub waits for its viewers to have gone; who takes nothing is cut off at once."""
REVOKED_RETRY_MS = 60_000
STREAM_RETRY_MS = 30_000
"""A browser whose DRD stream was refused comes back after this time."""

LEVEL_EVERY = timedelta(seconds=1)
"""Between two frames of levels made of a 100 ms stream."""

WatchersChanged = Callable[[Channel, str, int], None]


class Hub:
    """Fan-out of readings and notices to any number of viewers."""

    def __init__(
        self, heartbeat_s: float, watchers_changed: WatchersChanged | None = None, *, room: Room | None = None
    ) -> None:
        self.watchers_changed = watchers_changed
        self.skipped_by_gone = 0  # frames that viewers who have left did not get
        self._addresses: Counter[str] = Counter()
        self._heartbeat_s, self._room = heartbeat_s, room or Room()
        self._feeds: dict[Channel, dict[str, Feed]] = {channel: {} for channel in Channel}
        self._roster = Feed("roster", conflates=False)
        self._delivery = Delivery()
        self._followers = self._delivery.followers
        self._followers[self._roster] = {}
        self._viewers: dict[Viewer, Audience] = {}
        self._all_units: dict[Viewer, None] = {}
        self._watchers: dict[tuple[Channel, str], int] = {}
        self._unreachable: set[str] = set()
        self._levels_at: dict[str, datetime] = {}
        self._greenlets: list[gevent.Greenlet] = []

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen to the signals and start the broadcaster and the heartbeat."""
        for signal, receiver in self._receivers():
            signal.connect(receiver, weak=False)
        for run in (self._delivery.broadcast, self._beat):
            greenlet = gevent.Greenlet(run)
            greenlet.name = f"hub-{run.__name__.strip('_')}"
            greenlet.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
            greenlet.start()
            self._greenlets.append(greenlet)

    def _receivers(self) -> list[tuple[Any, Callable[..., None]]]:
        return [
            (signals.reading_taken, self.on_reading),
            (signals.levels_streamed, self.on_streamed),
            (signals.stream_ended, self.on_stream_ended),
            (signals.contact_changed, self.on_contact),
            (signals.measurement_changed, self.on_notice),
            (signals.mode_changed, self.on_notice),
            (signals.labels_read, self.on_notice),
            (signals.hold_changed, self.on_notice),
            (signals.operation_changed, self.on_operation),
            (signals.logged, self.on_log),
            (signals.alert_changed, self.on_alert),
            (signals.limits_stood, self.on_limits),
            (signals.roster_changed, self.on_roster),
        ]

    def stop(self) -> None:
        """Say goodbye to every viewer and let them all go."""
        for signal, receiver in self._receivers():
            signal.disconnect(receiver)
        self.close_viewers("the service is stopping")
        gevent.killall(self._greenlets)
        self._greenlets.clear()
        ends_s = time.monotonic() + FAREWELL_S
        while any(viewer.outlet for viewer in self._viewers) and time.monotonic() < ends_s:
            gevent.sleep(0.01)

    def close_viewers(self, reason: str) -> None:
        """End every stream with a last event that says why and, spread over 1–5 s, when to come back."""
        for viewer in list(self._viewers):
            self._dismiss(viewer, {"code": "closing", "detail": reason}, 1000 + secrets.randbelow(4000))

    @staticmethod
    def _dismiss(viewer: Viewer, payload: encoding.Payload, retry_ms: int) -> None:
        data = encoding.json_bytes(payload)
        viewer.push_urgent(viewer.form.note(data, "error", retry_ms), time.monotonic())
        viewer.hang_up()

    # -- viewers ------------------------------------------------------------------------------

    def join(
        self,
        units: Iterable[str] | None,
        form: Format,
        *,
        channel: Channel = Channel.LEVELS,
        start: Start = NEWEST,
        with_notices: bool = False,
        with_roster: bool = True,
        with_limits: bool = False,
        owner: str = "",
        address: str = "",
    ) -> Viewer:
        """Follow one channel of *units* (None: all, also those to come), from *start* on.

        *owner* names the right by which it is done, for ``end_of``; *address* is where the viewer is, for
        ``streams_from``. Raises NotFound for a unit without feeds.
        """
        audience = Audience(channel, None if units is None else frozenset(units), with_notices, with_limits)
        found = self._feeds[channel]
        followed = sorted(found if audience.units is None else audience.units)
        for unit_id in followed:
            if unit_id not in found:
                raise NotFound(f"there is no unit {unit_id!r}")
        feeds = [found[unit_id] for unit_id in followed]
        if with_notices:
            feeds += [self._feeds[Channel.NOTICES][unit_id] for unit_id in followed]
            feeds += [self._roster] if with_roster else []
        if with_limits:
            feeds += [self._feeds[Channel.LIMITS][unit_id] for unit_id in followed]
        viewer = Viewer(feeds, form, boot=self._delivery.boot, start=start, owner=owner, address=address)
        self._addresses[address] += 1
        viewer.last_sent_s = time.monotonic()
        for feed in feeds:
            self._followers[feed][viewer] = None
        self._viewers[viewer] = audience
        if audience.units is None:
            self._all_units[viewer] = None
        for unit_id in followed:
            self._count_watcher(channel, unit_id, +1)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; calling it twice does no harm."""
        audience = self._viewers.pop(viewer, None)
        if audience is None:
            return
        self._all_units.pop(viewer, None)
        self.skipped_by_gone += viewer.skipped
        self._addresses[viewer.address] -= 1
        if not self._addresses[viewer.address]:
            del self._addresses[viewer.address]
        viewer.end()
        for feed in viewer.feeds:
            self._followers.get(feed, {}).pop(viewer, None)
        known = self._feeds[audience.channel].keys()
        for unit_id in known if audience.units is None else audience.units & known:
            self._count_watcher(audience.channel, unit_id, -1)

    def serve(self, viewer: Viewer, outlet: Outlet) -> None:
        """Keep a viewer in this greenlet until it ends; raises OSError when the peer goes during a write."""
        news = Event()
        viewer.attach(outlet, news.set)
        while True:
            news.clear()
            self.catch_up(viewer)
            if viewer.is_over:
                return
            news.wait()

    def catch_up(self, viewer: Viewer) -> None:
        """Bring a viewer up to date, or to its end; see ``Viewer.catch_up``."""
        viewer.catch_up(self._delivery.delivered)

    def watchers(self, unit_id: str, channel: Channel = Channel.LEVELS) -> int:
        """How many viewers follow a channel of a unit; its levels by a share link too."""
        counted = OF_LEVELS if channel is Channel.LEVELS else (channel,)
        return sum(self._watchers.get((each, unit_id), 0) for each in counted)

    def owners(self) -> set[str]:
        """By what rights streams are open."""
        return {viewer.owner for viewer in self._viewers} - {""}

    def end_of(self, owner: str, reason: str) -> None:
        """End every stream that is open by a right which is no more."""
        for viewer in [viewer for viewer in self._viewers if owner and viewer.owner == owner]:
            self._dismiss(viewer, {"code": "access_ended", "detail": reason}, REVOKED_RETRY_MS)

    @property
    def frames_written(self) -> int:
        """How many frames were handed to viewers, each counted once for every one of them."""
        return self._delivery.frames_written

    def viewers(self) -> int:
        """How many streams are open."""
        return len(self._viewers)

    def streams_from(self, address: str) -> int:
        """How many of them come from one address."""
        return self._addresses[address]

    def units_streamed(self) -> set[str]:
        """The units whose 100 ms stream somebody follows."""
        return {unit_id for (channel, unit_id), count in self._watchers.items() if count and channel is Channel.STREAM}

    def feeds(self) -> list[Feed]:
        """Every feed of every unit."""
        return [feed for of_channel in self._feeds.values() for feed in of_channel.values()]

    def streams(self) -> list[tuple[Audience, Viewer]]:
        """Every open stream, and what it came for."""
        return [(audience, viewer) for viewer, audience in self._viewers.items()]

    def _count_watcher(self, channel: Channel, unit_id: str, change: int) -> None:
        self._watchers[channel, unit_id] = self._watchers.get((channel, unit_id), 0) + change
        told = Channel.LEVELS if channel in OF_LEVELS else channel
        if self.watchers_changed:
            self.watchers_changed(told, unit_id, self.watchers(unit_id, told))

    def add_unit(self, unit_id: str) -> None:
        """Open the feeds of a unit; those who watch all units follow it from now on."""
        if unit_id in self._feeds[Channel.LEVELS]:
            return
        for channel, feeds in self._feeds.items():
            kept = 1 if channel is Channel.LIMITS else RING_FRAMES  # where limits stood before is nobody's concern
            feed = feeds[unit_id] = Feed(unit_id, conflates=channel in CONFLATING, ring_frames=kept, room=self._room)
            self._followers[feed] = {}
        self._room.divide(len(self._feeds[Channel.LEVELS]))
        for viewer in list(self._all_units):
            audience = self._viewers[viewer]
            for channel in audience.channels:
                feed = self._feeds[channel][unit_id]
                viewer.follow(feed, boot=self._delivery.boot)
                self._followers[feed][viewer] = None
            self._count_watcher(audience.channel, unit_id, +1)

    def remove_unit(self, unit_id: str) -> None:
        """Close the feeds of a unit; a stream that followed nothing else ends."""
        for viewer, audience in list(self._viewers.items()):
            if audience.units == frozenset({unit_id}):
                viewer.hang_up()
        for channel, feeds in self._feeds.items():
            if feed := feeds.pop(unit_id, None):
                for viewer in self._followers.pop(feed):
                    viewer.unfollow(feed)
            self._watchers.pop((channel, unit_id), None)
        self._room.divide(len(self._feeds[Channel.LEVELS]))
        self._unreachable.discard(unit_id)
        self._levels_at.pop(unit_id, None)

    # -- what arrives ----------------------------------------------------------------------------

    def on_reading(self, sender: str, event: events.Reading) -> None:
        """Receiver of ``reading_taken``."""
        self._unreachable.discard(event.unit_id)
        self._levels_at[event.unit_id] = event.at
        self._publish(self._feed(Channel.LEVELS, event.unit_id), encoding.reading_payload(event))
        self._share(event.unit_id, encoding.shared_reading_payload, event)

    def _share(self, unit_id: str, encode: Callable[[Any], encoding.Payload], event: Any) -> None:
        """Encoded only where somebody follows by a share link."""
        if self.watchers(unit_id, Channel.SHARED):
            self._publish(self._feed(Channel.SHARED, unit_id), encode(event))

    def _feed(self, channel: Channel, unit_id: str) -> Feed | None:
        return self._feeds[channel].get(unit_id)

    def on_streamed(self, sender: str, event: events.StreamedLevels) -> None:
        """Receiver of ``levels_streamed``; those who follow readings, which are few meanwhile, get a level a second."""
        self._publish(self._feed(Channel.STREAM, event.unit_id), encoding.streamed_payload(event))
        last_at = self._levels_at.get(event.unit_id)
        if last_at is not None and timedelta(0) <= event.at - last_at < LEVEL_EVERY:
            return
        self._levels_at[event.unit_id] = event.at
        self._publish(self._feed(Channel.LEVELS, event.unit_id), encoding.stream_second_payload(event))
        self._share(event.unit_id, encoding.shared_stream_second_payload, event)

    def on_stream_ended(self, sender: str, event: events.StreamEnd) -> None:
        """Receiver of ``stream_ended``: who followed it is told why and let go."""
        feed = self._feed(Channel.STREAM, event.unit_id)
        payload = {"code": "stream_ended", "unit_id": event.unit_id, "error": event.reason, "detail": event.reason}
        for viewer in list(self._followers.get(feed, ())) if feed else []:
            self._dismiss(viewer, payload, STREAM_RETRY_MS)

    def on_operation(self, sender: str, event: events.OperationChange) -> None:
        """Receiver of ``operation_changed``: progress of long operations."""
        self._publish(self._feed(Channel.NOTICES, event.unit_id), encoding.operation_payload(event), "operation")

    def on_alert(self, sender: str, event: events.AlertChange) -> None:
        """Receiver of ``alert_changed``: for pages among their notices, and for those who follow alerts alone."""
        for channel in (Channel.NOTICES, Channel.ALERTS):
            self._publish(self._feed(channel, event.unit_id), encoding.alert_payload(event), "alert")

    def on_limits(self, sender: str, event: events.LimitsStanding) -> None:
        """Receiver of ``limits_stood``."""
        self._publish(self._feed(Channel.LIMITS, event.unit_id), encoding.limits_payload(event), "limits")

    def on_log(self, sender: str, event: events.LogEntry) -> None:
        """Receiver of ``logged``: one line more in a device's log."""
        self._publish(self._feed(Channel.LOG, event.unit_id), encoding.log_payload(event))

    def on_contact(self, sender: str, event: events.ContactChange) -> None:
        """Receiver of ``contact_changed``: the one unreachable frame, and the notice."""
        if event.is_reachable:
            self._unreachable.discard(event.unit_id)
        else:
            self._unreachable.add(event.unit_id)
            for channel in (Channel.LEVELS, Channel.STREAM):
                self._publish(self._feed(channel, event.unit_id), encoding.unreachable_payload(event))
            self._share(event.unit_id, encoding.shared_unreachable_payload, event)
        self.on_notice(sender, event)

    def on_notice(self, sender: str, event: Any) -> None:
        """Receiver of changes that pages show beside the levels."""
        self._publish(self._feed(Channel.NOTICES, event.unit_id), encoding.notice_payload(event), "status")

    def on_roster(self, sender: str, event: events.RosterChange) -> None:
        """Receiver of ``roster_changed``."""
        if event.change == "removed":
            self.remove_unit(event.unit_id)
        else:
            self.add_unit(event.unit_id)
        self._publish(self._roster, encoding.notice_payload(event), "roster")

    def recent(self, unit_id: str) -> list[bytes]:
        """The level frames of a unit that the ring still holds, as JSON, oldest first."""
        feed = self._feed(Channel.LEVELS, unit_id)
        return [] if feed is None else [frame.data for frame in feed.newer_than(0)]

    def seed(self, reading: events.Reading) -> None:
        """Put the last known reading of an earlier run into the ring: a first frame for the first viewer."""
        self._publish(self._feed(Channel.LEVELS, reading.unit_id), encoding.reading_payload(reading))

    # -- delivery --------------------------------------------------------------------------------

    def _publish(self, feed: Feed | None, payload: encoding.Payload, event: str = "") -> None:
        if feed is not None:  # else the unit was removed while its last reading was on the way
            self._delivery.publish(feed, payload, event)

    def _beat(self) -> None:
        while True:
            gevent.sleep(min(1.0, self._heartbeat_s / 5))
            if self._delivery.is_under_way:
                continue  # frames are on their way; a heartbeat between two slices would tear the order
            now_s = time.monotonic()
            for viewer, audience in list(self._viewers.items()):
                if now_s - viewer.last_sent_s >= self._heartbeat_s:
                    viewer.push_urgent(self._heartbeat(viewer, audience.units), now_s)

    def _heartbeat(self, viewer: Viewer, wanted: frozenset[str] | None) -> bytes:
        payload: encoding.Payload = {"heartbeat": True}
        if wanted is not None and len(wanted) == 1:
            is_lost = not self._unreachable.isdisjoint(wanted)
            payload["feed_status"] = events.FeedStatus.UNREACHABLE if is_lost else events.FeedStatus.OK
        else:
            lost = self._unreachable if wanted is None else self._unreachable & wanted
            payload["unreachable"] = sorted(lost)
        return viewer.form.note(encoding.json_bytes(payload), "heartbeat")
