"""Shopify's customers export, in its present layout, the older one, and with metafields.

The export tells whether a customer accepts texts, not since when, nor until when. So:

- "yes" for a contact not known as subscribed: subscribed at the date given for the whole file, by
  default the time of the import; the latter too where the given date is not after the contact's
  last known unsubscription;
- "no" for a contact known as subscribed: unsubscribed at the time of the import;
- otherwise the known dates stay, so that importing a file again changes nothing.

What the export cannot tell at all, ``created_at`` and ``properties``, stays as recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import CONTACTS, check_batch
from graphql_app.audience.importers.existing_rows import Recorded, places
from graphql_app.audience.importers.fact_file import Checked, keep_good
from graphql_app.audience.importers.report import BadRow
from graphql_app.audience.importers.shopify import require_columns, texts
from graphql_app.audience.importers.source import Block, Source
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


class CustomersLayout:
    """A customers export.

    Args:
        source: The file.
        recorded: What is recorded of the shop.
        now: The time of the import.
        subscribed_at: Since when those who accept texts and are not known as subscribed do.
    """

    fact = CONTACTS
    has_lines = False

    def __init__(
        self, source: Source, recorded: Recorded, now: datetime, subscribed_at: datetime | None
    ) -> None:
        self._source = source
        self._recorded = recorded
        self._now = pa.scalar(now, INSTANT)
        self._since = pa.scalar(subscribed_at or now, INSTANT)
        self._names: dict[str, str] = {}

    def require(self) -> None:
        """Raise for a column that is missing."""
        names = require_columns(self._source, list(_COLUMNS.values()))
        self._names = dict(zip(_COLUMNS, names, strict=True))

    def checked(self, blocks: Iterable[Block]) -> Iterator[Checked]:
        """Check blocks."""
        for block in blocks:
            values = {field: texts(block, name) for field, name in self._names.items()}
            consents = [value.strip().casefold() for value in values.pop("consent")]
            rows, problems = check_batch(CONTACTS, values, len(block.lines))
            bad = [BadRow(block.lines[p.row], self._names[p.field], p.message) for p in problems]
            bad_rows = {p.row for p in problems}
            for row, consent in enumerate(consents):
                if consent not in ("yes", "no"):
                    bad.append(BadRow(block.lines[row], _CONSENT, 'must be "yes" or "no"'))
                    bad_rows.add(row)
            accepts = pa.array([consent == "yes" for consent in consents], pa.bool_())
            yield keep_good(self._dated(rows, accepts), block, bad, bad_rows)

    def _dated(self, rows: pa.Table, accepts: pa.Array) -> pa.Table:
        """The contacts with their dates of consent, and what else only the records tell."""
        known = self._recorded.contacts
        place = places(known["id"].to_numpy(), rows["id"])
        of_row = known.take(pa.array(place, mask=place < 0)).combine_chunks()
        old_start, old_end = of_row["subscribed_at"], of_row["unsubscribed_at"]
        subscribed = pc.and_(
            pc.is_valid(old_start), pc.fill_null(pc.less(old_end, old_start), True)
        )
        starts = pc.and_(accepts, pc.invert(subscribed))
        ends = pc.and_(pc.invert(accepts), subscribed)
        start = pc.if_else(
            pc.fill_null(pc.greater(self._since, old_end), True), self._since, self._now
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
