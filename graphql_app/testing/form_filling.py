"""Fill in forms from their metadata: rules for every operator of a criterion."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from graphql_app.criteria import FieldKind, FieldSpec, Form, Operator, Option
from graphql_app.testing.hostile_texts import HOSTILE, NOBODYS
from graphql_app.testing.sample_facts import NOW

Document = dict[str, Any]
"""The fields of a form, including the operator, as JSON values."""

Offer = Callable[[str, Mapping[str, Any]], Sequence[Option]]
"""Returns the suggestions for a field, given the form's other fields."""

MAX_VARIANTS = 4
_TODAY = NOW.date()
_DAYS = [(_TODAY + timedelta(days=days)).isoformat() for days in (0, -1, -2, -30, 1)]
_WINDOWS: Sequence[Any] = (
    {"last": {"count": 1, "unit": "DAYS"}},
    {"since": _DAYS[1]},
    {"before": _DAYS[0]},
    {"between": {"from": _DAYS[2], "to": _DAYS[1]}},
    {"last": {"count": 1, "unit": "HOURS"}},
    {"last": {"count": 2, "unit": "MONTHS"}},
    {"calendar": {"which": "THIS", "unit": "MONTH"}},
    {"beforeAgo": {"count": 1, "unit": "DAYS"}},
)
_AMOUNTS = ("50.00", "0", "10", "15", "50.0001")


def is_valid(spec: FieldSpec, value: Any) -> bool:
    """Return whether a field accepts a value, or a list field an item."""
    try:
        spec.adapter.validate_python([value] if spec.multiple else value)
    except Exception:  # a ValidationError, or an error that the checks of forms report
        return False
    return True


def suggested_fields(form: type[Form], prefix: str = "") -> Iterator[tuple[str, FieldSpec]]:
    """Yield the fields with suggestions of a form and its conditions, by their names in rules."""
    for spec in form.fields():
        if spec.form.suggests:
            yield prefix + spec.name, spec
        if spec.condition is not None:
            yield from suggested_fields(spec.condition, f"{prefix}{spec.name}.")


@dataclass(frozen=True)
class Filler:
    """Values for forms: examples, bounds and what ``offer`` suggests, by default nothing."""

    offer: Offer = lambda field, given: ()

    def documents(self, form: type[Form], prefix: str = "") -> Iterator[Document]:
        """Yield rules for every operator: various values, each optional field, and all fields."""
        operators = list(form.operators())
        for number, operator in enumerate(operators):
            used = [spec for spec in form.fields() if operator in spec.used_with]
            optional = [spec for spec in used if not spec.required]
            filled = list(self._required(form, operator, prefix, number))
            yield from filled
            if not filled:
                continue
            for spec in optional:
                pool = self.values(spec, operator, prefix, filled[0])
                some = max(2, -(-len(pool) // len(operators)))
                for index in range(min(some, len(pool))):
                    value = _pick(spec, pool, number * some + index)
                    yield _ordered(form, {**filled[index % len(filled)], spec.name: value})
            if len(optional) > 1:
                yield self._filled(form, operator, prefix, number)

    def _required(
        self, form: type[Form], operator: Operator, prefix: str, number: int
    ) -> Iterator[Document]:
        specs = [spec for spec in form.fields() if operator in spec.used_with and spec.required]
        longest = max((len(self.values(spec, operator, prefix, {})) for spec in specs), default=1)
        for variant in range(max(1, min(longest, MAX_VARIANTS))):
            document = self._filled(form, operator, prefix, number + variant, only_required=True)
            if all(spec.name in document for spec in specs):
                yield document

    def _filled(
        self,
        form: type[Form],
        operator: Operator,
        prefix: str,
        number: int,
        only_required: bool = False,
    ) -> Document:
        """Return a rule with every field of an operator that has values, or the required ones."""
        document: Document = {"operator": operator.value}
        for spec in form.fields():
            if operator in spec.used_with and (spec.required or not only_required):
                pool = self.values(spec, operator, prefix, document)
                if pool:
                    document[spec.name] = _pick(spec, pool, number)
        return _ordered(form, document)

    def values(
        self,
        spec: FieldSpec,
        operator: Operator,
        prefix: str = "",
        document: Document | None = None,
    ) -> Sequence[Any]:
        """Return valid values of a field, or of a list field's items, for an operator."""
        given = {prefix + name: value for name, value in (document or {}).items()}
        given.pop(f"{prefix}operator", None)
        found = self._candidates(spec, operator, prefix + spec.name, given)
        different = {repr(value): value for value in found if is_valid(spec, value)}
        return list(different.values())

    def _candidates(
        self, spec: FieldSpec, operator: Operator, name: str, given: Mapping[str, Any]
    ) -> Iterator[Any]:
        if spec.condition is not None:
            for number, each in enumerate(spec.condition.operators()):
                yield self._filled(spec.condition, each, f"{name}.", number)
            return
        if spec.form.suggests:
            offered = self.offer(name, given)
            suited = [o for o in offered if o.operators is None or operator in o.operators]
            yield from (option.value for option in suited[:6])
        yield spec.type.example
        match spec.type.kind:
            case FieldKind.COUNT:
                yield from (0, 1, 2, 3)
                yield from map(int, declared_bounds(spec))
            case FieldKind.MONEY | FieldKind.NUMBER:
                yield from (*_AMOUNTS, *declared_bounds(spec))
            case FieldKind.DATE:
                yield from (*_DAYS, *declared_bounds(spec))
            case FieldKind.CHOICE:
                yield from (option.value for option in spec.type.options[:8])
            case FieldKind.TIME_WINDOW:
                yield from _WINDOWS
            case FieldKind.TEXT:
                yield from (*HOSTILE[:3], HOSTILE[-1], NOBODYS)


def declared_bounds(spec: FieldSpec) -> Sequence[str]:
    return [bound for bound in (spec.type.minimum, spec.type.maximum) if bound is not None]


def _pick(spec: FieldSpec, pool: Sequence[Any], number: int) -> Any:
    """Return a value by its number; for a list, one item, or two if the number is odd."""
    value = pool[number % len(pool)]
    if not spec.multiple:
        return value
    other = pool[(number + 1) % len(pool)]
    return [value, other] if number % 2 and other != value else [value]


def _ordered(form: type[Form], document: Document) -> Document:
    """Return the document with its bounds in order."""
    names = {spec.attribute: spec.name for spec in form.fields()}
    for spec in form.fields():
        low = names.get(spec.form.not_below or "")
        if low in document and spec.name in document:
            pair = sorted((document[low], document[spec.name]), key=_rank)
            document = {**document, low: pair[0], spec.name: pair[1]}
    return document


def _rank(value: Any) -> tuple[Decimal, str]:
    try:
        return Decimal(value), ""
    except (InvalidOperation, TypeError, ValueError):
        return Decimal(0), str(value)
