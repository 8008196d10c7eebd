"""Lists of indicators to look up, the same for the same seed, so that each run has one that nothing has answered yet."""

import hashlib
import random


def hashes(count, seed):
    """SHA-256."""
    return [("hash", hashlib.sha256(f"{seed}:{number}".encode()).hexdigest()) for number in range(count)]


def mixed(count, seed):
    """As many hashes as URLs, addresses and domains."""
    each = count // 4
    found = hashes(each, seed)
    for number in range(each):
        name = f"{hashlib.sha256(f'{seed}:{number}'.encode()).hexdigest()[:10]}.com"
        spread = random.Random(f"{seed}:{number}")  # noqa: S311 - no secret
        found += [
            ("url", f"http://w{name}/download/{number}.exe"),
            ("ip", f"20.{spread.randrange(256)}.{spread.randrange(256)}.{number % 256}"),
            ("domain", f"d{name}"),
        ]
    random.Random(seed).shuffle(found)  # noqa: S311 - the same
    return found


def repeating(count, repeats, seed):
    """Mixed; so many of them repeat others."""
    distinct = mixed(count - repeats, seed)
    order = random.Random(seed)  # noqa: S311 - the same
    found = distinct + order.sample(distinct, repeats)
    order.shuffle(found)
    return found
