"""The plugin contract: everything that a criterion's author imports, and nothing else.

A plugin is a module (or object) named by an entry point of the group ``graphql_app.criteria``
whose functions marked with ``hookimpl`` return criteria, default segments and templates. It may
declare ``CONTRACT_VERSION = 1``; a host that does not know the version refuses it by name.
"""

from graphql_app.criteria.base import Criterion, Group, MeasuredCriterion
from graphql_app.criteria.comparisons import CountCriterion, DateCriterion, MoneyCriterion
from graphql_app.criteria.describe import count as describe_count
from graphql_app.criteria.describe import listed as describe_list
from graphql_app.criteria.field_types import (
    Count,
    Country,
    Day,
    Days,
    Keyword,
    Money,
    OneOrMore,
    PositiveCount,
    ProductId,
    Region,
    Text,
)
from graphql_app.criteria.fields import FieldKind, FieldType, Option, form_field
from graphql_app.criteria.form import FieldSpec, example, json_schema, ui_schema
from graphql_app.criteria.hooks import hookimpl
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.operators import (
    Choice,
    ChoiceOperator,
    DateOperator,
    NumberOperator,
    Operator,
    SetOperator,
    StateOperator,
)
from graphql_app.criteria.scope import Scope
from graphql_app.criteria.starters import DefaultSegment, SegmentTemplate, Suggested
from graphql_app.criteria.windows import Duration, DurationUnit, TimeWindow

CONTRACT_VERSION = 1

__all__ = [
    "CONTRACT_VERSION",
    "Choice",
    "ChoiceOperator",
    "Count",
    "CountCriterion",
    "Country",
    "Criterion",
    "DateCriterion",
    "DateOperator",
    "Day",
    "Days",
    "DefaultSegment",
    "Duration",
    "DurationUnit",
    "FieldKind",
    "FieldSpec",
    "FieldType",
    "Group",
    "Interval",
    "Keyword",
    "MeasuredCriterion",
    "Money",
    "MoneyCriterion",
    "NumberOperator",
    "OneOrMore",
    "Operator",
    "Option",
    "PositiveCount",
    "ProductId",
    "Region",
    "Scope",
    "SegmentTemplate",
    "SetOperator",
    "StateOperator",
    "Suggested",
    "Text",
    "TimeWindow",
    "describe_count",
    "describe_list",
    "example",
    "form_field",
    "hookimpl",
    "json_schema",
    "ui_schema",
]
