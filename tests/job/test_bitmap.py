"""The set of the inputs that are recorded."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from corral.job.bitmap import Bitmap

NUMBERS = st.integers(0, 40) | st.integers(500, 530) | st.integers(0, 20_000)


@example(numbers=[3, 4, 6], others=[], asked=0)  # the last byte is a letter
@given(numbers=st.lists(NUMBERS, max_size=40), others=st.lists(NUMBERS, max_size=40), asked=NUMBERS)
def test_is_a_set(numbers, others, asked):
    """Whatever is added in whatever order, it answers as a set of the same numbers would."""
    bits, real, other = Bitmap(), set(), Bitmap()
    for number in numbers:
        assert bits.add(number) is (number not in real)
        real.add(number)
    for number in others:
        other.add(number)
    left, real_left = bits.without(other), real - set(others)
    for found, expected in ((bits, real), (left, real_left)):
        assert {number for number in (*numbers, *others, asked, 10**9) if number in found} == expected & {
            *numbers,
            *others,
            asked,
        }
        assert (len(found), found.end(), bool(found)) == (len(expected), max(expected, default=-1) + 1, bool(expected))


def test_a_bit_each():
    """Ten million numbers cost little more than a bit each, and single ones no more than half a kilobyte."""
    bits = Bitmap()
    bits.add(0)
    assert len(bits._bits) <= 512
    for number in range(0, 10_000_000, 4096):
        bits.add(number)
    assert len(bits._bits) * 8 < 10_000_000 * 1.2
