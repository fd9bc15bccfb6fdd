"""Outages of a store: logged once when they begin and once when they end, not for each request."""

import logging
import threading
import time
from weakref import WeakSet

from graphql_app.errors import pluralize
from graphql_app.observability.request_context import CURRENT_REQUEST, RequestContext

logger = logging.getLogger(__name__)

# Seconds without a failure after which an outage is over. A store that fails now and then would
# otherwise begin and end an outage with every request.
QUIET_SECONDS = 5.0

# The attribute in which an exception carries its outage.
OUTAGE = "outage"


class Outage:
    """One kind of failure of a store, from the first failure until the store works again."""

    def __init__(self) -> None:
        self.began_at = self.last_failed_at = time.monotonic()
        self.last_reason = ""
        self.failed_requests = 0
        self._counted: WeakSet[RequestContext] = WeakSet()
        self._lock = threading.Lock()

    def count(self, reason: str) -> None:
        self.last_failed_at, self.last_reason = time.monotonic(), reason
        self.count_request()

    def count_request(self) -> None:
        """Count the current request, if there is one, unless it has been counted."""
        request = CURRENT_REQUEST.get()
        if request is not None:
            with self._lock:
                if request not in self._counted:
                    self.failed_requests += 1
                    self._counted.add(request)


class StoreHealth:
    """The outages of one store, as this process sees them.

    Args:
        store: The store's name in the log.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._outages: dict[str, Outage] = {}
        self._lock = threading.Lock()

    def is_failing(self, kind: str = "") -> bool:
        return kind in self._outages

    def failed(self, error: BaseException, reason: str, kind: str = "") -> None:
        """Count a failure, and log the first one of an outage.

        Args:
            error: What the store's driver raised; the cause of what its caller raises.
            reason: Why the store failed, without secrets and personal data.
            kind: What fails; each kind has its own outage. The default means that the store does
                not answer.
        """
        with self._lock:
            begins = kind not in self._outages
            outage = self._outages.setdefault(kind, Outage())
            outage.count(reason)
        vars(error)[OUTAGE] = outage
        level = logging.ERROR if begins else logging.DEBUG
        logger.log(level, "%s failed: %s", self._store, reason)

    def answered(self) -> None:
        """Note that the store works, and log the end of outages without a recent failure."""
        if not self._outages:  # without the lock, which all statements would share
            return
        with self._lock:
            now = time.monotonic()
            ended = {
                kind: outage
                for kind, outage in self._outages.items()
                if now - outage.last_failed_at >= QUIET_SECONDS
            }
            for kind in ended:
                del self._outages[kind]
        for outage in ended.values():
            logger.warning(
                "%s works again: %s failed within %.1f s, the last with: %s",
                self._store,
                pluralize(outage.failed_requests, "request"),
                outage.last_failed_at - outage.began_at,
                outage.last_reason,
            )


def count_failed_request(error: BaseException | None) -> None:
    """Count the current request in the outage that caused an error, if one did.

    ``StoreHealth.failed`` has counted the request that did the work. Call this for each other
    request that waited for the same work.
    """
    while error is not None:
        if OUTAGE in vars(error):
            vars(error)[OUTAGE].count_request()
            return
        error = error.__cause__
