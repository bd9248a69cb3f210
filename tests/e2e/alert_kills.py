"""Kills the service again and again while levels follow a script; people must not notice.

    python -m tests.e2e.alert_kills --kills 200

Two services watch two meters that sound alike. One is killed at random moments with SIGKILL, the other is left alone.
Both tell a real SMTP server and a real HTTP receiver. Afterwards both must have the same incidents, and of each
incident of the killed one both receivers must have heard, under one key however often it was sent.
"""

from __future__ import annotations

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import argparse
import json
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import requests

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.alerts.http_receiver import running_receiver
from tests.alerts.smtp_sink import RunningSink, running_sink
from tests.server import RunningServer

LOUD_DB, LOUD_S, QUIET_S = 45.0, 20.0, 16.0
"""The script: the quiet site at about 40 dB becomes 45 dB louder for 20 s, then is quiet for 16 s."""
RULE = {"name": "Limit", "metric": "lp", "threshold_db": 60.0, "duration_s": 3, "clear_duration_s": 3, "cooldown_s": 0}


@dataclass
class Outcome:
    """What came of it."""

    kills: int
    phases: int
    killed: list[dict[str, Any]]
    """Events of the killed service, oldest first."""
    reference: list[dict[str, Any]]
    mails: dict[str, list[str]] = field(default_factory=dict)
    """Keys of the mails by incident."""
    posts: dict[str, list[str]] = field(default_factory=dict)
    doubled: int = 0
    """Deliveries beyond the first of a message."""


def complaints(outcome: Outcome, incident_of: dict[int, str]) -> list[str]:
    """What must not be."""
    found = []
    if len(outcome.killed) != len(outcome.reference):
        found.append(f"{len(outcome.killed)} events instead of {len(outcome.reference)}")
    for event, wanted in zip(outcome.killed, outcome.reference, strict=False):
        apart_s = abs(_seconds(event["onset_at"]) - _seconds(wanted["onset_at"]))
        if apart_s > LOUD_S + QUIET_S / 2:
            found.append(f"onset {event['onset_at']} instead of {wanted['onset_at']}")
        if event["end_reason"] != "cleared":
            found.append(f"event {event['id']} ended {event['end_reason']}")
    for event in outcome.killed:
        uid = incident_of[event["incident_id"]]
        for name, heard in (("mail", outcome.mails), ("webhook", outcome.posts)):
            if not heard.get(uid):
                found.append(f"no {name} about the incident of {event['onset_at']}")
    return found


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


@contextmanager
def _script(emulator: RunningEmulator) -> Iterator[list[int]]:
    """Both meters get loud and quiet together until the context ends; counts the loud phases that are over."""
    phases = [0]
    is_over = False

    def play() -> None:
        while True:
            for offset_db, lasts_s in ((0.0, QUIET_S), (LOUD_DB, LOUD_S)):
                for index in (0, 1):
                    emulator.client.offset(index, offset_db)
                gevent.sleep(lasts_s)
            phases[0] += 1
            if is_over:
                break
        for index in (0, 1):
            emulator.client.offset(index, 0.0)

    player = gevent.spawn(play)
    try:
        yield phases
    finally:
        is_over = True
        player.join()


def _prepare(server: RunningServer, meter: Any, mail_port: int, post_port: int, path: str) -> None:
    server.add("m", meter, poll_enabled=False)
    for name, kind, config in (
        ("mail", "email", {"host": "127.0.0.1", "port": mail_port, "security": "none", "sender": "slmm@example.org"}),
        ("hook", "webhook", {"url": f"http://127.0.0.1:{post_port}/{path}", "allow_private": True}),
    ):
        body = {"name": name, "kind": kind, "config": config}
        answer = requests.post(f"{server.api}/_alerts/channels", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
    rule = {**RULE, "channels": "log,mail,hook", "recipients": f"{path}@example.org"}
    answer = requests.post(f"{server.api}/m/alerts/rules", json=rule, timeout=10)
    assert answer.status_code == 200, answer.text


def _collect(sink: RunningSink, mails: list[dict[str, Any]]) -> None:
    while True:
        with suppress(AssertionError):
            mails.append(sink.next_mail(within_s=3600.0))


def _events(server: RunningServer) -> list[dict[str, Any]]:
    found = server.get("/_alerts/events?limit=1000")["events"]
    return [event for event in reversed(found) if event["rule_id"]]


def run(directory: Path, kills: int, seed: int = 1, most_up_s: float = 14.0) -> tuple[Outcome, list[str]]:
    """Kill so often, then wait until everything is delivered; raises AssertionError when that does not happen."""
    chance = random.Random(seed)
    mails: list[dict[str, Any]] = []
    with ExitStack() as stack:
        emulator = stack.enter_context(running_emulator(2, "--scenario", "quiet"))
        sink = stack.enter_context(running_sink())
        receiver = stack.enter_context(running_receiver())
        environment = {"SLMM_ALERT_GROUP_WAIT_S": "1", "SLMM_MONITOR_STATE_REFRESH_S": "600"}
        servers = [RunningServer(directory / name, environment) for name in ("killed", "reference")]
        for server, meter, path in zip(servers, emulator.meters, ("killed", "reference"), strict=True):
            server.start()
            stack.callback(server.kill)
            _prepare(server, meter, sink.port, receiver.port, path)
        collector = gevent.spawn(_collect, sink, mails)
        victim, reference = servers
        with _script(emulator) as phases:
            for _ in range(kills):
                gevent.sleep(chance.uniform(0.5, most_up_s))
                victim.kill()
                victim.start()
        gevent.sleep(QUIET_S)
        _until_delivered(victim)
        collector.kill()
        outcome = Outcome(kills, phases[0], _events(victim), _events(reference))
        incident_of = _incidents(victim)
        _sort(outcome, mails, receiver.requests, victim)
        return outcome, complaints(outcome, incident_of)


def _until_delivered(server: RunningServer) -> None:
    deadline_s = time.monotonic() + 420  # beyond 30 messages an hour a person gets digests, every five minutes
    while time.monotonic() < deadline_s:
        summary = server.get("/_alerts/summary")
        if summary["open"] == 0 and not {"pending", "sending"} & summary["messages"].keys():
            return
        gevent.sleep(0.5)
    raise AssertionError(f"not everything is delivered: {summary}")


def _incidents(server: RunningServer) -> dict[int, str]:
    """The uid of each incident by its number, as receivers see it."""
    found = {}
    for message in server.get("/_alerts/messages?limit=1000")["messages"]:
        if message["incident_id"] is not None:
            found[message["incident_id"]] = str(message["incident_id"])
    return found


def _sort(outcome: Outcome, mails: list[dict[str, Any]], posts: list[Any], server: RunningServer) -> None:
    """Which key was heard how often, by incident."""
    incidents_of: dict[str, set[str]] = defaultdict(set)
    """A digest tells of several."""
    for message in server.get("/_alerts/messages?limit=1000")["messages"]:
        if message["incident_id"] is not None:
            for uid in filter(None, (message["uid"], message["merged_into"])):
                incidents_of[uid].add(str(message["incident_id"]))
    heard: dict[str, int] = defaultdict(int)
    by_mail: dict[str, list[str]] = defaultdict(list)
    by_post: dict[str, list[str]] = defaultdict(list)
    for mail in mails:
        if "killed@example.org" not in json.dumps(mail):
            continue
        match = re.search(r"Message-ID:\s*<([0-9a-f]{32})@", str(mail["content"]), re.IGNORECASE)
        assert match is not None
        heard[f"mail {match[1]}"] += 1
        for incident in incidents_of[match[1]]:
            by_mail[incident].append(match[1])
    for post in posts:
        if post.path == "/killed":
            uid = post.headers["webhook-id"]
            heard[f"post {uid}"] += 1
            for incident in incidents_of[uid]:
                by_post[incident].append(uid)
    outcome.mails, outcome.posts = dict(by_mail), dict(by_post)
    outcome.doubled = sum(count - 1 for count in heard.values())


def main() -> None:
    """The long form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-up-s", type=float, default=14.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        began_s = time.monotonic()
        outcome, wrong = run(Path(directory), given.kills, given.seed, given.most_up_s)
    print(f"{outcome.kills} kills in {time.monotonic() - began_s:.0f} s, {outcome.phases} loud phases")  # noqa: T201
    print(f"events: {len(outcome.killed)} killed, {len(outcome.reference)} reference")  # noqa: T201
    print(f"incidents heard of: {len(outcome.mails)} by mail, {len(outcome.posts)} by webhook")  # noqa: T201
    print(f"sent more than once, with the same key: {outcome.doubled}")  # noqa: T201
    print("complaints:", *(wrong or ["none"]), sep="\n  ")  # noqa: T201
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
