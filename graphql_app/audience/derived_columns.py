"""Columns that are derived from others of their row, such as folded texts and ``textable``.

The recorder derives them from the rows that it writes, and ``migrate`` from rows of other versions.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.phone_numbers import e164, explain_unusable
from graphql_app.audience.table_rows import are_subscribed
from graphql_app.audience.tables import Contact, Event, KeywordUse, OrderLine, Product
from graphql_app.folding import FOLDING_VERSION, email_domain, fold, fold_document


def _map_texts(texts: pa.ChunkedArray, function: Callable[[str], str | None]) -> pa.Array:
    """Apply a function to each distinct text of a column; null stays null."""
    encoded = _whole(texts).cast(pa.string()).dictionary_encode()
    results = pa.array([*map(function, encoded.dictionary.to_pylist())], pa.string())
    return results.take(encoded.indices)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _fold_lists(lists: pa.ChunkedArray) -> pa.Array:
    """Fold the texts of a column of lists; each list keeps its length."""
    lengths = pc.fill_null(_whole(pc.list_value_length(lists)), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    folded = _map_texts(pc.list_flatten(lists), fold)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), folded)


def _format_phones(contacts: pa.Table, shop_country: str | None) -> pa.Array:
    """Return the phone numbers of contacts in E.164; null for those that are not valid."""
    phones, countries = (
        _whole(contacts[name]).cast(pa.string()).to_pylist() for name in ("phone", "country")
    )
    numbers = (
        None if phone is None else e164(phone, country or shop_country)
        for phone, country in zip(phones, countries, strict=True)
    )
    return pa.array(numbers, pa.string())


def _of_contacts(rows: pa.Table, shop_country: str | None) -> dict[str, pa.Array]:
    numbers, subscribed = _format_phones(rows, shop_country), _whole(are_subscribed(rows))
    return {
        "phone_e164": numbers,
        "subscribed": subscribed,
        "textable": pc.and_(subscribed, pc.is_valid(numbers)),
        "email_folded": _map_texts(rows["email"], fold),
        "email_domain": _map_texts(rows["email"], email_domain),
        "region_folded": _map_texts(rows["region"], fold),
        "city_folded": _map_texts(rows["city"], fold),
        "tags_folded": _fold_lists(rows["tags"]),
        "properties_folded": _map_texts(rows["properties"], fold_document),
    }


# Functions of rows and the country of their shop.
DERIVED: Mapping[str, Callable[[pa.Table, str | None], dict[str, pa.Array]]] = {
    Contact.__tablename__: _of_contacts,
    Event.__tablename__: lambda rows, _: {
        "properties_folded": _map_texts(rows["properties"], fold_document)
    },
    KeywordUse.__tablename__: lambda rows, _: {"keyword_folded": _map_texts(rows["keyword"], fold)},
    OrderLine.__tablename__: lambda rows, _: {"title_folded": _map_texts(rows["title"], fold)},
    Product.__tablename__: lambda rows, _: {"title_folded": _map_texts(rows["title"], fold)},
}


def add_derived_columns(table: str, rows: pa.Table, shop_country: str | None = None) -> pa.Table:
    """Add the columns that are derived from the others, or replace them; most tables have none.

    Contacts need the country of their shop, if it has one.
    """
    derive = DERIVED.get(table)
    if derive is None:
        return rows
    versions = pa.array([FOLDING_VERSION] * rows.num_rows, pa.uint32())
    for name, values in {**derive(rows, shop_country), "folding_version": versions}.items():
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, values)
        else:
            rows = rows.append_column(name, values)
    return rows


def find_unusable_phones(contacts: pa.Table, shop_country: str | None) -> Iterator[tuple[int, str]]:
    """Yield the rows of contacts, with derived columns, whose phone number is not valid.

    With each row comes what is wrong, to be read after the field's name.
    """
    unusable = pc.and_(pc.is_valid(contacts["phone"]), pc.is_null(contacts["phone_e164"]))
    for row in pc.indices_nonzero(unusable).to_pylist():
        country = contacts["country"][row].as_py() or shop_country
        yield row, explain_unusable(contacts["phone"][row].as_py(), country)
