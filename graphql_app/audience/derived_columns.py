"""Columns that follow from other columns of their row, such as folded texts.

The recorder derives them from the rows that it writes, and ``migrate`` from rows of other versions.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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


def _of_contacts(rows: pa.Table) -> dict[str, pa.Array]:
    return {
        "email_folded": _map_texts(rows["email"], fold),
        "email_domain": _map_texts(rows["email"], email_domain),
        "region_folded": _map_texts(rows["region"], fold),
        "city_folded": _map_texts(rows["city"], fold),
        "tags_folded": _fold_lists(rows["tags"]),
        "properties_folded": _map_texts(rows["properties"], fold_document),
    }


DERIVED: Mapping[str, Callable[[pa.Table], dict[str, pa.Array]]] = {
    Contact.__tablename__: _of_contacts,
    Event.__tablename__: lambda rows: {
        "properties_folded": _map_texts(rows["properties"], fold_document)
    },
    KeywordUse.__tablename__: lambda rows: {"keyword_folded": _map_texts(rows["keyword"], fold)},
    OrderLine.__tablename__: lambda rows: {"title_folded": _map_texts(rows["title"], fold)},
    Product.__tablename__: lambda rows: {"title_folded": _map_texts(rows["title"], fold)},
}


def add_derived_columns(table: str, rows: pa.Table) -> pa.Table:
    """Add the columns that follow from the others, or replace them; most tables have none."""
    derive = DERIVED.get(table)
    if derive is None:
        return rows
    versions = pa.array([FOLDING_VERSION] * rows.num_rows, pa.uint32())
    for name, values in {**derive(rows), "folding_version": versions}.items():
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, values)
        else:
            rows = rows.append_column(name, values)
    return rows
