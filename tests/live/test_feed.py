"""The ring: what it holds, what a viewer gets, what it says of frames it no longer has."""

from slmm.live.feed import CATCH_UP_FRAMES, Feed, Frame, Room, sse_event


def frame(ordinal: int, at_s: float = 0.0) -> Frame:
    event_id = f"boot-{ordinal * 10}"
    data = b'{"n":%d}' % ordinal
    return Frame(ordinal * 10, ordinal, at_s, "boot", "", sse_event(data, event_id=event_id))


def filled(count: int, *, conflates: bool = True, ring_frames: int = 1000) -> Feed:
    feed = Feed("unit", conflates=conflates, ring_frames=ring_frames)
    for ordinal in range(1, count + 1):
        feed.append(frame(ordinal))
    return feed


def ordinals(found: list[tuple[Frame, int]]) -> list[tuple[int, int]]:
    return [(frame.ordinal, missed) for frame, missed in found]


def test_a_viewer_gets_what_it_has_not_had_in_order() -> None:
    assert ordinals(filled(5).unseen(2, may_skip=True)) == [(3, 0), (4, 0), (5, 0)]


def test_a_viewer_up_to_date_gets_nothing() -> None:
    assert filled(5).unseen(5, may_skip=True) == []


def test_a_viewer_far_behind_skips_to_the_newest_and_is_told_how_many_it_missed() -> None:
    behind = CATCH_UP_FRAMES + 1
    assert ordinals(filled(behind).unseen(0, may_skip=True)) == [(behind, behind - 1)]


def test_notices_are_never_skipped() -> None:
    assert len(filled(50, conflates=False).unseen(0, may_skip=True)) == 50


def test_a_replay_gives_everything_held_and_tells_what_was_lost_before_it() -> None:
    feed = filled(30, ring_frames=20)
    found = ordinals(feed.unseen(0, may_skip=False))
    assert found[0] == (11, 10)
    assert [ordinal for ordinal, _ in found] == list(range(11, 31))


def test_old_frames_leave_but_the_newest_stays_whatever_its_age() -> None:
    feed = Feed("unit", conflates=True, ring_age_s=600)
    feed.append(frame(1, at_s=0.0))
    assert feed.last is not None
    feed.append(frame(2, at_s=601.0))
    assert feed.held() == 1
    assert feed.last.ordinal == 2


def test_large_frames_leave_before_their_time_and_are_counted() -> None:
    size = len(frame(10).sse)
    feed = Feed("unit", conflates=True, room=Room(size * 3))
    for ordinal in range(10, 16):
        feed.append(frame(ordinal))
    assert (feed.held(), feed.held_bytes, feed.cut) == (3, size * 3, 3)
    assert ordinals(feed.unseen(9, may_skip=False)) == [(13, 3), (14, 0), (15, 0)]
    tiny = Feed("unit", conflates=True, room=Room(1))
    tiny.append(frame(10))
    assert tiny.held() == 1, "the newest always stays"


def test_many_units_share_the_room_and_one_has_all_that_a_feed_may_take() -> None:
    room = Room(1_000_000, 256_000_000)
    size = len(frame(10).sse)
    feed = Feed("unit", conflates=True, room=room)
    told = []
    for units in (0, 1, 256, 512, 2000, 10**6):
        room.divide(units)
        told.append(room.each_bytes)
    assert told == [1_000_000, 1_000_000, 1_000_000, 500_000, 128_000, 16_000]
    for ordinal in range(100, 900):
        feed.append(frame(ordinal))
    assert 16_000 - 2 * size < feed.held_bytes <= 16_000


def test_the_ring_knows_how_much_it_holds() -> None:
    feed = filled(30, ring_frames=20)
    assert feed.held_bytes == sum(len(each.sse) for each in feed.newer_than(0))
    assert feed.cut == 0, "too many is not too large"


def test_a_resume_id_becomes_the_cursor_behind_that_frame() -> None:
    feed = filled(5)
    assert feed.cursor_at(30) == 3
    assert feed.cursor_at(35) == 3
    assert feed.cursor_at(50) == 5
    assert feed.cursor_at(0) == 0


def test_the_bare_json_is_a_slice_of_the_event() -> None:
    assert frame(7).data == b'{"n":7}'
