"""Which inputs are recorded: a bit each, so that ten million of them cost a little over a megabyte."""

from __future__ import annotations


class Bitmap:
    """A set of small whole numbers, at one bit for each number up to the largest."""

    __slots__ = ("_bits", "count")

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count: int = 0

    def __contains__(self, index: int) -> bool:
        byte = index >> 3
        return byte < len(self._bits) and self._bits[byte] >> (index & 7) & 1 == 1

    def __len__(self) -> int:
        return self.count

    def add(self, index: int) -> bool:
        """Add `index`; whether it is new."""
        bits = self._bits
        byte, bit = index >> 3, 1 << (index & 7)
        if byte >= len(bits):  # by an eighth at least: numbers that come one after another must not copy it each time
            bits.extend(bytes(max(byte + 1 - len(bits), len(bits) >> 3, 64)))
        if bits[byte] & bit:
            return False
        bits[byte] |= bit
        self.count += 1
        return True

    def without(self, other: Bitmap) -> Bitmap:
        """What is in it and not in `other`."""
        left = Bitmap()
        keep = int.from_bytes(self._bits, "little") & ~int.from_bytes(other._bits, "little")
        left._bits = bytearray(keep.to_bytes(len(self._bits), "little"))
        left.count = keep.bit_count()
        return left

    def end(self) -> int:
        """One more than the largest number in it; 0 when it is empty."""
        stripped = len(self._bits.rstrip(b"\0"))
        return (stripped - 1) * 8 + self._bits[stripped - 1].bit_length() if stripped else 0
