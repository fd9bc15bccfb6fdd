"""Recording a shop's facts for a request, once per idempotency key, with warnings."""

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import islice
from json import JSONEncoder

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.derived_columns import find_unusable_phones
from graphql_app.audience.facts import CONTACTS, ORDERS, FactType
from graphql_app.audience.tables import time_columns
from graphql_app.catalog.idempotency import check_key, fingerprint_of, run_once
from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.tables import Shop
from graphql_app.json_text import encode_in_pieces
from graphql_app.runtime.services import Services

MAX_WARNINGS = 100
PAUSED_INTERVAL = 0.02  # seconds between checks whether a shop's writes are paused


class WarningCode(StrEnum):
    """The kind of warning about a fact that was recorded."""

    IN_THE_FUTURE = "IN_THE_FUTURE"
    UNUSABLE_PHONE = "UNUSABLE_PHONE"


@dataclass(frozen=True, slots=True)
class RecordingWarning:
    """Why a value that was recorded is probably wrong."""

    code: WarningCode
    row: int
    column: str
    message: str


@dataclass(frozen=True)
class FactRecorder:
    """The recorder of one call's facts, in one shop.

    Attributes:
        now: The instant of the request.
        warnings: The first ``MAX_WARNINGS`` warnings about the recorded facts.
    """

    services: Services
    shop: Shop
    now: datetime
    warnings: list[RecordingWarning] = field(default_factory=list, init=False)

    async def run(self, work: Callable[[], int], key: str | None, request: object) -> int:
        """Run blocking work that records items; return their number.

        Args:
            work: Calls other methods of the recorder.
            key: An idempotency key. If the same request had it in the last 24 hours, return the
                result of that request and record nothing.
            request: What the client sent, as values of JSON.

        Raises:
            AppError: The key is malformed, or a different request had it; or as ``work`` raises.
        """
        if key is not None:
            check_key(key)
            work = partial(self._run_once, key, request, work)
        while self.services.recorder.is_quiesced(self._shop_id):
            await asyncio.sleep(PAUSED_INTERVAL)  # waiting in a worker would block other shops
        async with self.services.writers(self._shop_id):
            return await self.services.run(self._shop_id, work, ())

    def _run_once(self, key: str, request: object, work: Callable[[], int]) -> int:
        pieces = encode_in_pieces(request, JSONEncoder(sort_keys=True, default=str))
        fingerprint = fingerprint_of(key, pieces)
        with self.services.recorder.hold_write_lock(self._shop_id):
            return run_once(self.services.catalog, self._shop_id, key, fingerprint, work)

    def record(self, fact: FactType, rows: pa.Table) -> None:
        """Record rows of any type but orders and order lines; see ``Recorder.record``."""
        rows = self.services.recorder.record(self._shop_id, fact, rows)
        self._warn_about(fact, rows)

    def patch_contacts(self, patches: pa.Table, given: Sequence[Set[str]]) -> None:
        """Change some fields of recorded contacts; see ``Recorder.patch_contacts``."""
        rows = self.services.recorder.patch_contacts(self._shop_id, patches, given)
        self._warn_about(CONTACTS, rows)

    def _warn_about(self, fact: FactType, rows: pa.Table) -> None:
        if fact is CONTACTS:
            self._warn(
                RecordingWarning(WarningCode.UNUSABLE_PHONE, row, "phone", message)
                for row, message in find_unusable_phones(rows, self.shop.country)
            )
        self._warn(self._times_in_the_future(fact, rows))

    def record_orders(self, orders: pa.Table, lines: pa.Table) -> None:
        """Record orders with their lines; see ``Recorder.record_orders``."""
        self.services.recorder.record_orders(self._shop_id, orders, lines)
        self._warn(self._times_in_the_future(ORDERS, orders))

    def forget(self, ids: Sequence[str]) -> None:
        """Erase contacts and all rows about them for good."""
        self.services.recorder.forget(self._shop_id, ids)

    def merge(self, source_id: str, target_id: str) -> None:
        """Merge a contact into another one; see ``Recorder.merge``."""
        self.services.recorder.merge(self._shop_id, source_id, target_id)

    @property
    def _shop_id(self) -> int:
        return stored_id(self.shop)

    def _warn(self, warnings: Iterable[RecordingWarning]) -> None:
        self.warnings.extend(islice(warnings, MAX_WARNINGS - len(self.warnings)))

    def _times_in_the_future(self, fact: FactType, rows: pa.Table) -> Iterable[RecordingWarning]:
        tables = self.services.audience.tables
        [table] = [table for table in tables if table.__tablename__ == fact.name]
        for column in time_columns(table):
            times = rows[column]
            later = pc.fill_null(pc.greater(times, pa.scalar(self.now, times.type)), False)
            for row in pc.indices_nonzero(later).to_pylist():
                message = f"is in the future: {times[row].as_py():%Y-%m-%dT%H:%M:%SZ}"
                yield RecordingWarning(WarningCode.IN_THE_FUTURE, row, column, message)
