"""A rate limiter that keeps its counts in memory."""

import time

PERIOD = 60.0  # seconds
MIN_PRUNE_SIZE = 1_000  # keys


class RateLimiter:
    """A rate limit for each key, with continuous refill (GCRA).

    The limiter keeps one number per key: the time at which the key's whole allowance is back.
    It replaces the library ``limits``, which starts a thread (0.3 ms) for every request that comes
    10 ms or more after the last one.
    """

    def __init__(self, per_minute: int) -> None:
        """``per_minute`` is the allowance of each key; 0 means no limit."""
        self._interval = PERIOD / per_minute if per_minute else 0.0
        self._refilled_at: dict[str, float] = {}
        self._prune_size = MIN_PRUNE_SIZE

    def wait(self, key: str) -> float:
        """Return the seconds until ``key`` may be used, or 0 if it may be used now."""
        if not self._interval:
            return 0.0
        now = time.monotonic()
        refilled_at = max(self._refilled_at.get(key, now), now)
        return max(0.0, refilled_at + self._interval - now - PERIOD)

    def acquire(self, key: str) -> float:
        """Count one use of ``key`` if it may be used now; return the seconds to wait otherwise."""
        wait = self.wait(key)
        if self._interval and not wait:
            now = time.monotonic()
            if len(self._refilled_at) >= self._prune_size:
                self._refilled_at = {k: at for k, at in self._refilled_at.items() if at > now}
                self._prune_size = max(MIN_PRUNE_SIZE, 2 * len(self._refilled_at))
            self._refilled_at[key] = max(self._refilled_at.get(key, now), now) + self._interval
        return wait
