"""Statements as SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Dialect

from graphql_app.audience.tables import Statement


@dataclass(frozen=True, slots=True)
class RenderedStatement:
    """A statement as SQL.

    Attributes:
        text: The SQL.
        values: The values that it binds, by name.
        names: The names of the values, by the keys of their bound parameters.
    """

    text: str
    values: Mapping[str, Any]
    names: Mapping[str, str]


def render(statement: Statement, dialect: Dialect) -> RenderedStatement:
    """Render a statement as SQL."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names = {bind.key: name for bind, name in getattr(compiled, "bind_names", {}).items()}
    return RenderedStatement(str(compiled), compiled.params, names)
