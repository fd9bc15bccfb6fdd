"""How often something may be done in a minute, for each of many."""

from __future__ import annotations

import time

PERIOD = 60.0  # seconds
FEW = 1_000


class Rate:
    """At most so many a minute for each key; what was not used comes back steadily.

    For each key it keeps the instant at which all of it will have come back. A library for this,
    ``limits``, begins a thread for every request that comes 10 ms after the last one: 0.3 ms.
    """

    def __init__(self, per_minute: int) -> None:
        """``per_minute`` of 0 is no limit."""
        self._each = PERIOD / per_minute if per_minute else 0.0
        self._full: dict[str, float] = {}
        self._many = FEW

    def wait(self, key: str) -> float:
        """Seconds until it may be done, 0 if it may be now."""
        if not self._each:
            return 0.0
        now = time.monotonic()
        return max(0.0, max(self._full.get(key, now), now) + self._each - now - PERIOD)

    def take(self, key: str) -> float:
        """As ``wait``; if it may be done now, it counts as done."""
        wait = self.wait(key)
        if self._each and not wait:
            now = time.monotonic()
            if len(self._full) >= self._many:
                self._full = {key: full for key, full in self._full.items() if full > now}
                self._many = max(FEW, 2 * len(self._full))
            self._full[key] = max(self._full.get(key, now), now) + self._each
        return wait
