"""Simple third-party plugins, from which tests derive broken ones."""

from typing import Any

from sqlalchemy import ColumnElement, true
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import (
    Criterion,
    Scope,
    SegmentTemplate,
    StateOperator,
    Text,
    form_field,
    hookimpl,
)
from graphql_app.plugins import Plugin

ACME = Plugin("acme", "acme-criteria", "1.2")
OTHER = Plugin("other", "other-criteria", "3.4")


class Everyone(Criterion):
    """A criterion that matches all contacts, or those with a phone."""

    key = "whole"
    label = "Whole"
    phone: Text | None = form_field("Phone", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true() if self.phone is None else col(Contact.phone) == self.phone


class Whole(Everyone):
    """The same, with operators."""

    operator: StateOperator


class Good(Whole):
    """A criterion that works."""

    key = "good"


class PluginModule:
    """A module with hooks."""

    def __init__(self, *criteria: type[Criterion], templates: Any = ()) -> None:
        self._criteria, self._templates = criteria, templates

    @hookimpl
    def register_criteria(self) -> list[type[Criterion]]:
        return list(self._criteria)

    @hookimpl
    def register_segment_templates(self) -> list[SegmentTemplate]:
        return list(self._templates)
