"""Compile SQL to text and values."""

from typing import Any

from clickhouse_connect.cc_sqlalchemy.dialect import ClickHouseDialect
from sqlalchemy import ClauseElement


def compile_sql(sql: ClauseElement) -> tuple[str, str]:
    """Return SQL's text and its bound values by name, as the engine receives them.

    The text includes the values that SQLAlchemy inserts at execution.
    """
    made: Any = sql.compile(dialect=ClickHouseDialect())
    values = {name: repr(value) for name, value in made.params.items()}
    inline = (str(parameter.value) for parameter in made.literal_execute_params)
    text = " ".join([str(made), *inline])
    return text, str(sorted(values.items()))
