"""Compile SQL to text and values."""

from collections.abc import Iterable
from typing import Any

from clickhouse_connect.cc_sqlalchemy.dialect import ClickHouseDialect
from sqlalchemy import ClauseElement


def compile_sql(sql: ClauseElement) -> tuple[str, str]:
    """Return SQL's text and its bound values by name, as the engine receives them.

    The text includes the values that SQLAlchemy inserts at execution.
    """
    made: Any = sql.compile(dialect=ClickHouseDialect())
    inline: Iterable[Any] = made.literal_execute_params
    values = {name: repr(value) for name, value in made.params.items()}
    text = " ".join([str(made), *(str(parameter.value) for parameter in inline)])
    return text, str(sorted(values.items()))
