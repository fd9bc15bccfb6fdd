"""Formats of exported contacts, which the importers can read back.

Importers ignore the columns ``subscribed`` and ``textable``, which follow from the others.
"""

import io
import json
from collections.abc import Sequence
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
    columns = [_csv_column(rows[field.name], field) for field in EXPORT_SCHEMA]
    sink = io.BytesIO()
    options = csv.WriteOptions(include_header=header, eol="\r\n", quoting_header="none")
    csv.write_csv(pa.table(columns, names=EXPORT_SCHEMA.names), sink, options)
    return sink.getvalue()


def _csv_column(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if pa.types.is_timestamp(field.type):
        return pc.strftime(values, PRINTED_TIME)
    if pa.types.is_list(field.type):
        return escape_formulas(_joined(values))
    return escape_formulas(values) if pa.types.is_string(field.type) else values


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """Join lists of texts with commas, or write all of them as JSON if that would be ambiguous."""
    odd = pc.match_substring_regex(pc.list_flatten(lists), r",|^\[")
    if not pc.any(odd).as_py():
        return pc.binary_join(lists, ",")
    return pa.chunked_array([[_join(texts) for texts in lists.to_pylist()]], pa.string())


def _join(texts: Sequence[str]) -> str:
    if any("," in text or text.startswith("[") for text in texts):
        return json.dumps(texts, ensure_ascii=False)
    return ",".join(texts)


def to_ndjson(rows: pa.Table) -> bytes:
    """Format rows of ``EXPORT_SCHEMA`` as NDJSON.

    Ids are text: many JSON parsers cut numbers to 53 bits.
    """
    properties = rows["properties"].to_pylist()
    others = [
        (field.name, _json_column(rows[field.name], field).to_pylist())
        for field in EXPORT_SCHEMA
        if field.name != "properties"
    ]
    names = [name for name, _ in others]
    lines = (
        f"{json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)[:-1]}, "
        f'"properties": {json_object}}}\n'
        for json_object, *values in zip(properties, *(column for _, column in others), strict=True)
    )
    return "".join(lines).encode()


def _json_column(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if pa.types.is_timestamp(field.type):
        return pc.strftime(values, PRINTED_TIME)
    return values.cast(pa.string()) if pa.types.is_unsigned_integer(field.type) else values
