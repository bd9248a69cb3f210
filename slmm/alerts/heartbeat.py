"""A sign of life to a watcher outside, such as healthchecks.io, which raises the alarm when the signs stop."""

from __future__ import annotations

import time

from slmm.alerts.channels.base import Progress, deadline
from slmm.alerts.channels.exchange import Target, ask, failure, target_of
from slmm.alerts.messages import DeliveryFailed


def ping(url: str, timeout_s: float = 10.0) -> None:
    """GET it; raises DeliveryFailed with a text that shows no more than scheme, host and port.

    The path is the secret of such URLs. Private addresses are allowed: the URL comes from the operator's settings.
    """
    try:
        target: Target = target_of(url)
    except ValueError as error:
        raise DeliveryFailed(f"the heartbeat's URL cannot be used: {error}", stage="config", is_final=True) from None
    progress = Progress()
    with deadline(timeout_s, progress):
        answer = ask(target, "GET", progress, timeout_s=timeout_s, allow_private=True)
    if not 200 <= answer.status < 300:
        raise failure(target, answer, time.time(), [target.path, *target.path.split("/")[1:]])
