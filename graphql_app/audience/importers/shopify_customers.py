"""Shopify's customers export, in its current or older layout, with or without metafields.

The export says whether a customer accepts texts, but not since when. Therefore:

- "yes" subscribes a contact who is not subscribed, at the date given for the whole file. Without a
  date, or if the contact unsubscribed after it, the time of the import counts.
- "no" unsubscribes a contact who is subscribed, at the time of the import.
- Otherwise the recorded dates stay, so importing a file again changes nothing.

The export lacks ``created_at`` and ``properties``, so they stay as recorded.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import CONTACTS, check_batch
from graphql_app.audience.importers.checked_rows import (
    CheckedRows,
    add_line_numbers,
    drop_bad_rows,
)
from graphql_app.audience.importers.existing_rows import ExistingRows
from graphql_app.audience.importers.report import BadRow
from graphql_app.audience.importers.shopify import find_columns, read_texts
from graphql_app.audience.importers.source import Block, Source
from graphql_app.audience.table_rows import are_subscribed
from graphql_app.audience.value_parsers import INSTANT

_CONSENT = "Accepts SMS Marketing"
_COLUMNS: dict[str, str | tuple[str, ...]] = {
    "id": "Customer ID",
    "phone": "Phone",
    "email": "Email",
    "first_name": "First Name",
    "last_name": "Last Name",
    "country": ("Default Address Country Code", "Country Code"),
    "region": ("Default Address Province Code", "Province Code"),
    "city": ("Default Address City", "City"),
    "tags": "Tags",
    "consent": _CONSENT,
}


class CustomersFormat:
    """The format of Shopify's customers export.

    Customers who accept texts and are not subscribed become subscribed at ``subscribed_at``.
    """

    fact = CONTACTS
    has_lines = False

    def __init__(
        self, source: Source, existing: ExistingRows, now: datetime, subscribed_at: datetime | None
    ) -> None:
        self._source = source
        self._existing = existing
        self._now = pa.scalar(now, INSTANT)
        self._subscribed_at = pa.scalar(subscribed_at or now, INSTANT)
        self._names: dict[str, str] = {}

    def check_columns(self) -> None:
        names = find_columns(self._source, list(_COLUMNS.values()))
        self._names = dict(zip(_COLUMNS, names, strict=True))

    def check_blocks(self, blocks: Iterable[Block]) -> Iterator[CheckedRows]:
        for block in blocks:
            values = {field: read_texts(block, name) for field, name in self._names.items()}
            consents = [value.strip().casefold() for value in values.pop("consent")]
            rows, problems = check_batch(CONTACTS, values, len(block.line_numbers))
            bad = [
                BadRow(block.line_numbers[p.row], self._names[p.field], p.message) for p in problems
            ]
            bad_rows = {p.row for p in problems}
            for row, consent in enumerate(consents):
                if consent not in ("yes", "no"):
                    bad.append(BadRow(block.line_numbers[row], _CONSENT, 'must be "yes" or "no"'))
                    bad_rows.add(row)
            accepts = pa.array([consent == "yes" for consent in consents], pa.bool_())
            rows = add_line_numbers(self._add_dates(rows, accepts), block)
            yield drop_bad_rows(rows, block, bad, bad_rows)

    def _add_dates(self, rows: pa.Table, accepts: pa.Array) -> pa.Table:
        """Add the dates of consent and the columns that the export lacks."""
        of_row = self._existing.contacts(rows["id"])
        old_start, old_end = of_row["subscribed_at"], of_row["unsubscribed_at"]
        subscribed = are_subscribed(of_row)
        starts = pc.and_(accepts, pc.invert(subscribed))
        ends = pc.and_(pc.invert(accepts), subscribed)
        start = pc.if_else(
            pc.fill_null(pc.greater(self._subscribed_at, old_end), True),
            self._subscribed_at,
            self._now,
        )
        earlier_end = pc.if_else(pc.less(old_end, start), old_end, pa.scalar(None, INSTANT))
        end = pc.if_else(pc.greater(old_start, self._now), old_start, self._now)
        dates = {
            "subscribed_at": pc.if_else(starts, start, old_start),
            "unsubscribed_at": pc.if_else(starts, earlier_end, pc.if_else(ends, end, old_end)),
            "created_at": of_row["created_at"],
            "properties": pc.fill_null(of_row["properties"], "{}"),
        }
        for name, values in dates.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        return rows.cast(CONTACTS.arrow_schema)
