"""Formats of exported contacts, which the importers can read back.

Importers ignore the columns ``subscribed`` and ``textable``, which are derived from the others.
"""

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from graphql_app.audience.facts import CONTACTS
from graphql_app.audience.formula_escaping import escape_formulas

EXPORT_SCHEMA = pa.schema(
    [*CONTACTS.arrow_schema, *(pa.field(name, pa.bool_()) for name in CONTACTS.derived_columns)]
)
"""The columns of an export, in order."""

PRINTED_TIME = "%Y-%m-%dT%H:%M:%SZ"  # seconds are printed with the decimals of the column


class ExportFormat(StrEnum):
    """The format of an exported file."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


def to_csv(rows: pa.Table, header: bool) -> bytes:
    """Format rows of ``EXPORT_SCHEMA`` as CSV (RFC 4180) in UTF-8."""
    ids, *others = (rows[name] for name in EXPORT_SCHEMA.names)
    columns = [_csv_ids(ids), *map(_csv_column, others)]
    sink = io.BytesIO()
    options = csv.WriteOptions(include_header=header, eol="\r\n", quoting_header="none")
    csv.write_csv(pa.table(columns, names=EXPORT_SCHEMA.names), sink, options)
    return sink.getvalue()


def _csv_ids(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ids for CSV; whole numbers need no quotes, which the writer gives to all texts."""
    if not pc.any(pc.match_substring_regex(ids, "[^0-9]")).as_py():
        with suppress(pa.ArrowInvalid):  # 2^64 or more
            return ids.cast(pa.uint64())
    return escape_formulas(ids)


def _csv_column(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(values.type):
        return pc.strftime(values, PRINTED_TIME)
    if pa.types.is_list(values.type):
        return escape_formulas(_join_lists(values))
    return escape_formulas(values) if pa.types.is_string(values.type) else values


def _join_lists(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """Join lists of texts with commas; write a list as JSON if joining it would be ambiguous."""
    odd = pc.match_substring_regex(pc.list_flatten(lists), r",|^\[")
    if not pc.any(odd).as_py():
        return pc.binary_join(lists, ",")
    return pa.chunked_array([[_join_list(texts) for texts in lists.to_pylist()]], pa.string())


def _join_list(texts: Sequence[str]) -> str:
    if any("," in text or text.startswith("[") for text in texts):
        return json.dumps(texts, ensure_ascii=False)
    return ",".join(texts)


def to_ndjson(rows: pa.Table) -> bytes:
    """Format rows of ``EXPORT_SCHEMA`` as NDJSON."""
    names = [name for name in EXPORT_SCHEMA.names if name != "properties"]
    columns = [_json_column(rows[name]).to_pylist() for name in names]
    lines = (
        f"{json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)[:-1]}, "
        f'"properties": {properties}}}\n'
        for properties, *values in zip(rows["properties"].to_pylist(), *columns, strict=True)
    )
    return "".join(lines).encode()


def _json_column(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.strftime(values, PRINTED_TIME) if pa.types.is_timestamp(values.type) else values
