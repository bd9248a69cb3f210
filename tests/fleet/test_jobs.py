"""The queue in which a worker waits."""

import gevent
import pytest

from slmm.errors import DeviceBusy, DeviceUnreachable
from slmm.fleet.jobs import Job, JobQueue, Priority


def job(priority: Priority = Priority.PERSON, what: str = "something") -> Job[str]:
    return Job(lambda meter: what, what, priority)


def test_most_urgent_goes_first_and_equals_in_order() -> None:
    queue = JobQueue("m1", 8)
    step, first, second = job(Priority.STEP), job(), job()
    for each in (step, first, second):
        queue.put(each)
    assert queue.head is Priority.PERSON
    assert [queue.take(0.0), queue.take(0.0), queue.take(0.0), queue.take(0.0)] == [first, second, step, None]


def test_a_job_wakes_whoever_waits_for_ever() -> None:
    queue = JobQueue("m1", 8)
    taker = gevent.spawn(queue.take, None)
    gevent.idle()
    wanted = job()
    queue.put(wanted)
    assert taker.get(timeout=5) is wanted


def test_a_job_wakes_whoever_waits_for_a_time() -> None:
    queue = JobQueue("m1", 8)
    taker = gevent.spawn(queue.take, 60.0)
    gevent.idle()
    wanted = job()
    queue.put(wanted)
    queue.put(job(Priority.STEP))
    assert taker.get(timeout=5) is wanted
    assert queue.head is Priority.STEP


def test_nothing_comes_in_time_and_a_later_job_is_found() -> None:
    queue = JobQueue("m1", 8)
    assert queue.take(0.001) is None
    wanted = job()
    queue.put(wanted)
    assert queue.take(None) is wanted


def test_who_is_woken_for_a_job_that_somebody_else_took_finds_none() -> None:
    queue = JobQueue("m1", 8)
    taker = gevent.spawn(queue.take, 60.0)
    gevent.idle()
    wanted = job()
    queue.put(wanted)
    assert queue.take(0.0) is wanted
    assert taker.get(timeout=5) is None


def test_looking_again_is_asked_once() -> None:
    queue = JobQueue("m1", 8)
    queue.wake()
    queue.wake()
    assert queue.head is Priority.CHORE
    queue.drop_wakes()
    assert queue.head is None


def test_a_full_queue_refuses_and_all_are_told_at_the_end() -> None:
    queue = JobQueue("m1", 2)
    waiting = [job(), job()]
    for each in waiting:
        queue.put(each)
    with pytest.raises(DeviceBusy):
        queue.put(job())
    queue.cancel_all(DeviceUnreachable("m1 is being let go"))
    for each in waiting:
        with pytest.raises(DeviceUnreachable):
            each.wait(1.0)
