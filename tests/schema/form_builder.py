"""A small form builder, which knows no criterion and reads the metadata as a client would."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from graphql_app.criteria.field_types import TEXT_PATTERN as TEXT
from tests.support import Client

FORM = """
operators { name label negated fields }
fields {
  name label kind required multiple maxItems minimum maximum step pattern placeholder
  options { value label operators } suggests usedWith %s
}
"""
CONDITION = f"condition {{ description inputType {FORM % 'condition { description }'} }}"
METADATA = f"""
{{
  criteria {{
    key label description group inputType example
    plugin {{ name version }}
    {FORM % CONDITION}
  }}
}}
"""
SUGGESTIONS = """
query ($criterion: String!, $field: String!, $given: JSON) {
  fieldSuggestions(criterion: $criterion, field: $field, given: $given) { value label operators }
}
"""

# The only kind whose value is not a scalar, from its input type.
WINDOWS: Sequence[Mapping[str, Any]] = (
    {"last": {"count": 1, "unit": "HOURS"}},
    {"last": {"count": 1200, "unit": "MONTHS"}},
    {"since": "2024-05-01"},
    {"before": "2024-05-01"},
    {"between": {"from": "2024-05-01", "to": "2024-05-01"}},
    {"calendar": {"which": "LAST", "unit": "QUARTER"}},
    {"beforeAgo": {"count": 5214, "unit": "WEEKS"}},
)

Forms = list[dict[str, Any]]
End = Literal["minimum", "maximum"]

NOTHING_OFFERED = object()


class Person:
    """A user who fills in forms and knows only the kind of each input."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._answers: dict[str, Sequence[Mapping[str, Any]]] = {}

    def rule(
        self, criterion: Mapping[str, Any], operator: Mapping[str, Any], optional: bool, end: End
    ) -> dict[str, Any]:
        """Return a rule with an operator and all of its fields, or only the required ones."""
        return {criterion["key"]: self.form(criterion["key"], criterion, operator, optional, end)}

    def form(
        self,
        key: str,
        form: Mapping[str, Any],
        operator: Mapping[str, Any],
        optional: bool,
        end: End,
        above: str = "",
        given: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the values of a form, filled in from the first input to the last."""
        known = dict(given or {})
        values: dict[str, Any] = {"operator": operator["name"]}
        for each in fields_of(form, operator):
            if optional or each["required"]:
                path = above + each["name"]
                value = self.value(key, path, each, operator, end, known)
                if value is not NOTHING_OFFERED:
                    values[each["name"]] = known[path] = value
        return values

    def value(
        self,
        key: str,
        path: str,
        field: Mapping[str, Any],
        operator: Mapping[str, Any],
        end: End,
        given: Mapping[str, Any],
    ) -> Any:
        """Return a value for an input: the first or the last one that the form offers."""
        index = 0 if end == "minimum" else -1
        if field["condition"] is not None:
            inner = field["condition"]
            chosen = inner["operators"][index]
            value: Any = self.form(key, inner, chosen, True, end, f"{path}.", given)
        elif field["suggests"]:
            options = self.suggestions(key, path, given)
            if not options and not field["required"] and end == "maximum":
                return NOTHING_OFFERED  # such as regions of a country without contacts
            suited = [
                option
                for option in options
                if option["operators"] is None or operator["name"] in option["operators"]
            ]
            assert suited, (key, path, given)
            value = suited[index]["value"]
        elif field["options"] is not None:
            value = field["options"][index]["value"]
        else:
            value = _typed(field, end)
        if field["pattern"] is not None:
            assert re.search(field["pattern"], value)
        return [value] if field["multiple"] else value

    def suggestions(
        self, key: str, path: str, given: Mapping[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        request = repr((key, path, given))
        if request not in self._answers:
            answer = self._client.ask(SUGGESTIONS, criterion=key, field=path, given=given)
            self._answers[request] = answer["fieldSuggestions"]
        return self._answers[request]


def _typed(field: Mapping[str, Any], end: End) -> Any:
    """Return the text to type where the form offers nothing."""
    match field["kind"]:
        case "COUNT":
            return int(field[end])
        case "MONEY" | "NUMBER" | "DATE":
            return field[end]
        case "TEXT":
            # A form with a pattern shows an example of it.
            return "example" if field["pattern"] == TEXT else field["placeholder"]
        case "TIME_WINDOW":
            return WINDOWS[0 if end == "minimum" else 1]
        case kind:
            raise AssertionError(f"a form cannot know what {kind} is")


def fields_of(form: Mapping[str, Any], operator: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [field for field in form["fields"] if operator["name"] in field["usedWith"]]


def forms_with_operators(criteria: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, Any]]:
    for criterion in criteria:
        for operator in criterion["operators"]:
            yield criterion, operator


def fields_with_conditions(criteria: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, Any]]:
    for criterion in criteria:
        for field in criterion["fields"]:
            assert (field["condition"] is not None) == (field["kind"] == "CONDITION")
            if field["condition"] is not None:
                yield criterion, field
