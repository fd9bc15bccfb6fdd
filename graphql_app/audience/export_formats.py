"""Contacts as files, which the importers read: the columns have their names, and the same values.

``subscribed`` and ``textable`` follow from the others; an importer passes over them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from graphql_app.audience.facts import CONTACTS
from graphql_app.audience.formula_escaping import as_text

SCHEMA = pa.schema([*CONTACTS.schema, *(pa.field(name, pa.bool_()) for name in CONTACTS.derived)])
"""The columns of an export, in their order."""

PRINTED_TIME = "%Y-%m-%dT%H:%M:%SZ"  # the seconds have the decimals of the column


class Format(StrEnum):
    """What an export may be written as."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


def csv_bytes(rows: pa.Table, header: bool) -> bytes:
    """Rows of ``SCHEMA`` as CSV of RFC 4180 in UTF-8."""
    columns = [_csv_column(rows[field.name], field) for field in SCHEMA]
    sink = io.BytesIO()
    options = csv.WriteOptions(include_header=header, eol="\r\n", quoting_header="none")
    csv.write_csv(pa.table(columns, names=SCHEMA.names), sink, options)
    return sink.getvalue()


def _csv_column(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if pa.types.is_timestamp(field.type):
        return pc.strftime(values, PRINTED_TIME)
    if pa.types.is_list(field.type):
        return as_text(_joined(values))
    return as_text(values) if pa.types.is_string(field.type) else values


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of texts with commas between them; as JSON where that would not be the same list."""
    odd = pc.match_substring_regex(pc.list_flatten(lists), r",|^\[")
    if not pc.any(odd).as_py():
        return pc.binary_join(lists, ",")
    return pa.chunked_array([[_join(texts) for texts in lists.to_pylist()]], pa.string())


def _join(texts: Sequence[str]) -> str:
    if any("," in text or text.startswith("[") for text in texts):
        return json.dumps(texts, ensure_ascii=False)
    return ",".join(texts)


def ndjson_bytes(rows: pa.Table) -> bytes:
    """Rows of ``SCHEMA`` as NDJSON; ids are text, since JSON's numbers are often cut to 53 bits."""
    properties = rows["properties"].to_pylist()
    others = [
        (field.name, _json_column(rows[field.name], field).to_pylist())
        for field in SCHEMA
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
