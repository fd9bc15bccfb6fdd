"""The plugin contract: everything that a plugin imports to define criteria.

A plugin is a module or object named by an entry point of the group ``graphql_app.criteria``. Its
functions marked with ``hookimpl`` return criteria, default segments, templates and tables. It can
declare ``CONTRACT_VERSION = 1``; a host that does not support the version refuses the plugin.
"""

from graphql_app.criteria.base import Criterion, Group, MeasuredCriterion
from graphql_app.criteria.comparisons import (
    CountCriterion,
    DateCriterion,
    MoneyCriterion,
    OptionalMoneyCriterion,
    PercentCriterion,
    quotient,
)
from graphql_app.criteria.describe import (
    describe_clause,
    describe_count,
    describe_field,
    describe_list,
    describe_money,
)
from graphql_app.criteria.field_types import (
    Country,
    Day,
    Keyword,
    OneOrMore,
    ProductId,
    Region,
    SegmentId,
    Text,
    UpToTen,
    WrittenDay,
)
from graphql_app.criteria.fields import FieldKind, FieldType, Option, form_field
from graphql_app.criteria.form import Condition, FieldSpec, Form
from graphql_app.criteria.hooks import CONTRACT_VERSION, Hooks, hookimpl
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.number_types import Count, Days, Money, Number, Percent, PositiveCount
from graphql_app.criteria.operators import (
    Choice,
    ChoiceOperator,
    DateOperator,
    NumberOperator,
    Operator,
    OptionalNumberOperator,
    OptionalSetOperator,
    SetOperator,
    StateOperator,
    TextOperator,
)
from graphql_app.criteria.phrases import Phrase
from graphql_app.criteria.products import suggest_products
from graphql_app.criteria.properties import (
    PropertyCondition,
    PropertyForm,
    PropertyOperator,
    months_and_days_of,
    suggest_properties,
    suggest_values,
    written_times_of,
)
from graphql_app.criteria.references import SegmentReference
from graphql_app.criteria.schemas import example, json_forms_ui_schema, json_schema, ui_schema
from graphql_app.criteria.scope import Scope
from graphql_app.criteria.sets import has_all, has_any
from graphql_app.criteria.starters import DefaultSegment, SegmentTemplate, Suggested
from graphql_app.criteria.texts import (
    fold,
    folded,
    suggest_frequent,
    suggest_spellings,
    trimmed,
)
from graphql_app.criteria.windows import (
    CalendarPeriod,
    CalendarUnit,
    Duration,
    DurationUnit,
    TimeWindow,
    WhichPeriod,
)
from graphql_app.criteria.written_times import month_and_day, property_day, property_month_and_day

__all__ = [
    "CONTRACT_VERSION", "CalendarPeriod", "CalendarUnit", "Choice", "ChoiceOperator", "Condition",
    "Count", "CountCriterion", "Country", "Criterion", "DateCriterion", "DateOperator", "Day",
    "Days", "DefaultSegment", "Duration", "DurationUnit", "FieldKind", "FieldSpec", "FieldType",
    "Form", "Group", "Hooks", "Interval", "Keyword", "MeasuredCriterion", "Money", "MoneyCriterion",
    "Number", "NumberOperator", "OneOrMore", "Operator", "Option", "OptionalMoneyCriterion",
    "OptionalNumberOperator", "OptionalSetOperator", "Percent", "PercentCriterion", "Phrase",
    "PositiveCount", "ProductId", "PropertyCondition", "PropertyForm", "PropertyOperator", "Region",
    "Scope", "SegmentId", "SegmentReference", "SegmentTemplate", "SetOperator", "StateOperator",
    "Suggested", "Text", "TextOperator", "TimeWindow", "UpToTen", "WhichPeriod", "WrittenDay",
    "describe_clause", "describe_count", "describe_field", "describe_list", "describe_money",
    "example", "fold", "folded", "form_field", "has_all", "has_any", "hookimpl",
    "json_forms_ui_schema", "json_schema", "month_and_day", "months_and_days_of", "property_day",
    "property_month_and_day", "quotient", "suggest_frequent", "suggest_products",
    "suggest_properties", "suggest_spellings", "suggest_values", "trimmed", "ui_schema",
    "written_times_of",
]  # fmt: skip
