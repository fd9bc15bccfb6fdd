"""Moving all rows of contacts to other contacts, and merging two contacts into one."""

import json
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.facts import CONTACTS
from graphql_app.audience.journal import Insert
from graphql_app.audience.properties_parser import parse_properties
from graphql_app.audience.store import Audience
from graphql_app.audience.stored_rows import fetch_contacts, is_among
from graphql_app.audience.table_reader import FactTable, list_fact_tables
from graphql_app.audience.table_rows import stamp_rows
from graphql_app.audience.tables import SHARED_TABLES
from graphql_app.audience.whole_numbers import restore_whole_numbers

NUMBER = pa.uint64()


def build_merged_contact(
    audience: Audience, shop_id: int, source: int, target: int, target_id: str | None
) -> pa.Table | None:
    """Build the row of a contact that another one is merged into; ``None`` if neither exists.

    ``target_id`` is its ``source_id``.

    The target's attributes count, then those of the source. Of the dates of consent, the latest
    ones of either count.
    """
    rows = fetch_contacts(audience, shop_id, pa.array([source, target], NUMBER)).to_pylist()
    found = {row["id"]: row for row in rows}
    if not found:
        return None
    kept, other = (found.get(number, {}) for number in (target, source))
    merged = {
        field.name: kept.get(field.name) or other.get(field.name) for field in CONTACTS.fields
    }
    if not kept.get("phone"):  # a number without a country code is one of its contact's country
        merged["phone"] = other.get("phone_e164") or other.get("phone")
    merged["properties"] = _merge_properties(
        *(row.get("properties", "{}") for row in (kept, other))
    )
    for name in ("subscribed_at", "unsubscribed_at"):
        merged[name] = max(filter(None, [kept.get(name), other.get(name)]), default=None)
    merged |= {"id": target, "source_id": target_id}
    schema = CONTACTS.arrow_schema.set(0, pa.field("id", NUMBER))
    return pa.Table.from_pylist([merged], schema.append(pa.field("source_id", pa.string())))


def _merge_properties(kept: str, other: str) -> str:
    """Return stored properties with those of the other contact that the kept one lacks.

    If they are too long together, the kept contact's own properties are returned.
    """
    both = [json.loads(restore_whole_numbers(document)) for document in (other, kept)]
    try:
        return parse_properties({**both[0], **both[1]})
    except BadValueError:
        return kept


def build_moves(
    audience: Audience, shop_id: int, version: int, contact_of: Mapping[int, int]
) -> list[Insert]:
    """Build the rows that move the facts of contacts to others, by number.

    If rows of one key meet, the row of the contact who gets them stays, or else the first one.
    Contacts themselves do not move.
    """
    tables = [
        table
        for table in list_fact_tables(audience)
        if table.name not in {*SHARED_TABLES, CONTACTS.name}
    ]
    moves = (_build_move(audience, shop_id, version, table, contact_of) for table in tables)
    return [move for move in moves if move is not None]


def _build_move(
    audience: Audience,
    shop_id: int,
    version: int,
    table: FactTable,
    contact_of: Mapping[int, int],
) -> Insert | None:
    names = [name for name in table.columns if name not in {"shop_id", "version", "deleted"}]
    rows = _fetch(audience, table, names, shop_id, contact_of)
    if not rows.num_rows:
        return None
    others = pa.array([*contact_of.values()], NUMBER)
    row = pc.index_in(rows["contact_id"], pa.array([*contact_of], NUMBER))
    position = names.index("contact_id")
    moved = rows.set_column(position, "contact_id", pa.chunked_array([others]).take(row))
    kept = _fetch(audience, table, table.key, shop_id, {*contact_of.values()})
    keys = pa.concat_tables([kept.select(table.key), moved.select(table.key)])
    numbered = keys.append_column("row number", pa.array(range(keys.num_rows), pa.int64()))
    firsts = numbered.group_by(table.key).aggregate([("row number", "min")])["row number_min"]
    new = pc.subtract(firsts.filter(pc.greater_equal(firsts, kept.num_rows)), kept.num_rows)
    moved = moved.take(new.combine_chunks().sort())
    return Insert(table.name, stamp_rows(shop_id, version, moved, rows.select(table.key)))


def _fetch(
    audience: Audience,
    table: FactTable,
    names: Sequence[str],
    shop_id: int,
    contacts: Iterable[int],
) -> pa.Table:
    """Fetch columns of the current rows of contacts."""
    columns, key = (", ".join(f"`{name}`" for name in some) for some in (names, table.key))
    among = is_among(pa.array([*contacts], NUMBER), "contact_id")
    rows = audience.query_unfiltered(
        f"SELECT {columns} FROM {table.name} FINAL WHERE shop_id = {int(shop_id)} AND NOT deleted "
        f"AND {among} ORDER BY {key}"
    )
    return rows.cast(pa.schema([field.with_nullable(True) for field in rows.schema]))
