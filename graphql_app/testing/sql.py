"""SQL as text and values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clickhouse_connect.cc_sqlalchemy.dialect import ClickHouseDialect
from sqlalchemy import ClauseElement


def compiled(sql: ClauseElement) -> tuple[str, str]:
    """SQL as the engine gets it, values apart: its text, and the values by their names.

    A value that SQLAlchemy would put into the text only when it executes it is in the text.
    """
    made: Any = sql.compile(dialect=ClickHouseDialect())
    inline: Iterable[Any] = made.literal_execute_params
    values = {name: repr(value) for name, value in made.params.items()}
    text = " ".join([str(made), *(str(parameter.value) for parameter in inline)])
    return text, str(sorted(values.items()))
