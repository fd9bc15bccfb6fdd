"""Descriptions that strawberry has no place for: of enum values, arguments and root types."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry.tools import merge_types
from strawberry.types import get_object_definition

E = TypeVar("E", bound=Enum)


def described_enum(
    enum: type[E], values: Mapping[E, str], *, description: str, name: str | None = None
) -> type[E]:
    """Register a Python enum as a GraphQL enum, with a description of every value.

    Raises:
        KeyError: A value has no description.
    """
    made: Any = strawberry.enum(enum, name=name, description=description)
    for value in made.__strawberry_definition__.values:
        value.description = values[enum[value.name]]
    return enum


def argument(annotation: Any, description: str) -> Any:
    """Return the annotation of an argument whose type is created at run time."""
    return Annotated[annotation, strawberry.argument(description=description)]


def root(name: str, types: tuple[Any, ...], description: str) -> type:
    """Return a root type with the fields of some types."""
    made = merge_types(name, types)
    get_object_definition(made, strict=True).description = description
    return made
