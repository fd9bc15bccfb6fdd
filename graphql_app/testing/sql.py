"""Compile SQL to text and values."""

from typing import Any

from clickhouse_connect.cc_sqlalchemy.dialect import ClickHouseDialect
from sqlalchemy import ClauseElement


def compile_sql(sql: ClauseElement) -> tuple[str, str]:
    """Return a statement's SQL, followed by its inlined values, and its bound values, as text."""
    made: Any = sql.compile(dialect=ClickHouseDialect())
    values = {name: repr(value) for name, value in made.params.items()}
    inline = (str(parameter.value) for parameter in made.literal_execute_params)
    text = " ".join([str(made), *inline])
    return text, str(sorted(values.items()))
