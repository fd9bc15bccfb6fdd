"""Which of a criterion's fields its code reads: the others make no difference to what it makes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

from graphql_app.criteria import Criterion

R = TypeVar("R")

READ: ContextVar[set[str] | None] = ContextVar("read", default=None)

# Through these a model is read as a whole.
WHOLE = frozenset({"__dict__", "__iter__", "copy", "dict", "json"})
WHOLE_BEGINS = ("model_", "__pydantic")


def reading(criterion: Criterion, code: Callable[[Criterion], R]) -> tuple[R, frozenset[str]]:
    """What some code makes of a criterion, and the fields of it that it read."""
    kind = _watched(type(criterion))
    watched = kind.model_construct(criterion.model_fields_set, **criterion.__dict__)
    read: set[str] = set()
    before = READ.set(read)
    try:
        made = code(watched)
    finally:
        READ.reset(before)
    fields = type(criterion).model_fields
    return made, frozenset(fields if WHOLE & read else read & fields.keys())


def values(criterion: Criterion, fields: frozenset[str]) -> Hashable:
    """The same for criteria that have the same in some fields."""
    return tuple(_hashable(criterion.__dict__[name]) for name in sorted(fields))


def _hashable(value: Any) -> Hashable:
    return (type(value), repr(value) if isinstance(value, list | dict) else value)


@cache
def _watched(kind: type[Criterion]) -> type[Criterion]:
    """The same class, whose objects note what is read of them."""
    fields = kind.model_fields.keys()

    def watch(self: Criterion, name: str) -> Any:
        read = READ.get()
        if read is not None:
            if name in fields:
                read.add(name)
            elif name in WHOLE or name.startswith(WHOLE_BEGINS):
                read.add("__dict__")
        return kind.__getattribute__(self, name)

    own = {"__getattribute__": watch, "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), own)
