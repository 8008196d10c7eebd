"""Numbers that depend on their seed alone: the same in every process and on every Python."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_STEP = 6364136223846793005
_SHIFT = 1442695040888963407
_MASK = (1 << 64) - 1


class SeededRandom:
    """A linear congruential generator (Knuth's MMIX numbers), of which only the good upper bits are used."""

    def __init__(self, *seed: str) -> None:
        digest = hashlib.blake2b("\0".join(seed).encode(errors="surrogatepass"), digest_size=8).digest()
        self._seed = int.from_bytes(digest, "big")

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1."""
        self._seed = (self._seed * _STEP + _SHIFT) & _MASK
        return (self._seed >> 33) % limit

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self.below(high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.below(len(choices))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of them, in another order."""
        return [
            item
            for _, item in sorted(((self.below(1 << 30), index), item) for index, item in enumerate(items))
        ]

    def digest(self, algorithm: str = "sha256") -> str:
        """A digest in hexadecimal."""
        return hashlib.new(
            algorithm, self.below(1 << 31).to_bytes(8, "big"), usedforsecurity=False
        ).hexdigest()
