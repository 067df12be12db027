"""Which frames clips are of: in time, as far apart as asked, and by their place alone."""

from __future__ import annotations

import itertools

from flashdepth_vfx.training.paper.sampling import Order, frames_of_clip


def test_clips_go_forward_in_time_at_their_stride() -> None:
    for start, backward in itertools.product(range(20), (False, True)):
        clip = frames_of_clip(20, start, 5, 2, backward)
        assert [b - a for a, b in itertools.pairwise(clip)] == [2] * 4
        assert clip[0] >= 0
        assert clip[-1] < 20
        if start < 8:
            assert clip[0] == start
        elif start > 11:
            assert clip[-1] == start
        else:
            assert (clip[-1] if backward else clip[0]) == start


def test_where_neither_way_fits_it_is_the_last_clip() -> None:
    # 0 2 4 6 8 needs 9 frames: of 10, those from 4 on fit neither way
    assert frames_of_clip(10, 4, 5, 2, False) == (1, 3, 5, 7, 9)
    assert frames_of_clip(10, 1, 5, 2, True) == (1, 3, 5, 7, 9)
    assert frames_of_clip(10, 8, 5, 2, False) == (0, 2, 4, 6, 8)


def test_short_scenes_take_the_widest_stride_that_fits_and_then_hold_their_last_frame() -> None:
    assert frames_of_clip(8, 0, 5, 2, False) == (0, 1, 2, 3, 4)
    assert frames_of_clip(13, 6, 5, 4, False) == (0, 3, 6, 9, 12)
    assert frames_of_clip(3, 2, 5, 2, True) == (0, 1, 2, 2, 2)
    assert frames_of_clip(1, 0, 5, 1, True) == (0, 0, 0, 0, 0)
    assert frames_of_clip(4, 3, 1, 2, False) == (3,)


def test_both_directions_are_as_likely() -> None:
    order = Order([400], 5, 2, seed=1, number=2)
    begun = [order.clip(position) for position in range(4 * len(order))]
    # in a round every frame is taken once; those of the middle, where both fit, begin or end a clip
    ends_of_100 = [c for c in begun if 100 in (c.frames[0], c.frames[-1])]
    assert {c.frames[0] == 100 for c in ends_of_100} == {True, False}
    first, last = (sum(c.frames[i] for c in begun) for i in (0, -1))
    middle = (first + last) / 2 / len(begun)
    assert abs(middle - 199.5) < 2.0, "forward alone would be 4 later"


def test_a_round_takes_every_frame_once_and_each_is_shuffled_anew() -> None:
    order = Order([4, 3, 5], 1, 1, seed=5, number=0)
    rounds = [
        [(c.scene, *c.frames) for c in map(order.clip, range(12 * turn, 12 * turn + 12))]
        for turn in range(3)
    ]
    everything = [(s, f) for s, length in enumerate((4, 3, 5)) for f in range(length)]
    assert all(sorted(one) == everything for one in rounds)
    assert rounds[0] != rounds[1] != rounds[2]


def test_the_same_place_is_the_same_clip_whatever_was_asked_before() -> None:
    one, two = (Order([9, 30], 3, 2, seed=4, number=8) for _ in range(2))
    forward = [one.clip(i) for i in range(90)]
    assert forward == [two.clip(i) for i in reversed(range(90))][::-1]
    assert forward != [Order([9, 30], 3, 2, seed=5, number=8).clip(i) for i in range(90)]
    assert forward != [Order([9, 30], 3, 2, seed=4, number=9).clip(i) for i in range(90)]
