"""Documents of criteria that forms must submit unchanged, and documents that they must refuse."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import Any

from graphql_app.criteria import Criterion, FieldKind, FieldSpec, Form, Operator
from graphql_app.segments.rules.parser import read_form
from graphql_app.testing.form_filling import Document, Filler

# Values that few fields accept; each field gets two of them, and a list as its item.
ODD: Sequence[Any] = ("2024-02-30", -1, "x" * 256, "")
FILLER = Filler()


def documents(form: type[Form]) -> Iterator[Document]:
    """Yield a document for each operator with each set of optional fields, with various values.

    Lists of conditions have every operator of a condition, and time windows are of every kind.
    """
    number = 0
    for operator in form.operators():
        optional = [spec for spec in _used(form, operator) if not spec.required]
        for size in range(len(optional) + 1):
            for chosen in combinations(optional, size):
                yield _filled(form, operator, chosen, number)
                number += 1
    yield from _of_every_alternative(form)


def _of_every_alternative(form: type[Form]) -> Iterator[Document]:
    operator = next(iter(form.operators()))
    for spec in _used(form, operator):
        if spec.condition is None and spec.type.kind is not FieldKind.TIME_WINDOW:
            continue
        document = _filled(form, operator, (), 0)
        values = FILLER.values(spec, operator)
        for start in range(0, len(values), spec.most or 1):
            some = values[start : start + (spec.most or 1)]
            yield {**document, spec.name: some if spec.multiple else some[0]}


def complete(form: type[Form], operator: Operator, number: int) -> tuple[Document, Document]:
    """Return a document with all fields of an operator, and it without the optional ones."""
    used = _used(form, operator)
    document = _filled(form, operator, used, number)
    optional = {spec.name for spec in used if not spec.required}
    return document, {name: document[name] for name in document if name not in optional}


def refused(criterion: type[Criterion]) -> Iterator[Document]:
    """Yield documents with one fault, for each field with the first operator that uses it."""
    operator = next(iter(criterion.operators()))
    yield {**_filled(criterion, operator, (), 0), "operator": "NO_SUCH_OPERATOR"}
    for number, spec in enumerate(criterion.fields()):
        document = _filled(criterion, spec.used_with[0], (spec,), 0)
        odd = [ODD[number % len(ODD)], ODD[(number + 1) % len(ODD)]]
        values = [[value] if spec.multiple else value for value in odd]
        faulty = [{**document, spec.name: value} for value in values]
        faulty.append({name: document[name] for name in document if name != spec.name})
        if low := _lower_bound(criterion, spec):
            least, most = sorted(FILLER.values(spec, spec.used_with[0])[:2], key=_rank)
            faulty.append({**document, low: most, spec.name: least})
        # A form leaves an optional field out if it is empty.
        faulty = [each for each in faulty if spec.required or each.get(spec.name) != ""]
        yield from (each for each in faulty if read_form(criterion, each)[1])


def _lower_bound(form: type[Form], spec: FieldSpec) -> str | None:
    """Return the name of the field whose value a field's value must not be below."""
    others = (one.name for one in form.fields() if one.attribute == spec.form.not_below)
    return next(others, None)


def _used(form: type[Form], operator: Operator) -> list[FieldSpec]:
    return [spec for spec in form.fields() if operator in spec.used_with]


def _filled(
    form: type[Form], operator: Operator, optional: Sequence[FieldSpec], number: int
) -> Document:
    """Return a document with the required fields of an operator and some optional ones."""
    document: Document = {"operator": operator.value}
    for spec in _used(form, operator):
        if spec.required or spec in optional:
            values = FILLER.values(spec, operator)
            value = values[number % len(values)]
            other = values[(number + 1) % len(values)]
            document[spec.name] = [value, other][: 1 + number % 2] if spec.multiple else value
    return _in_order(form, document)


def _in_order(form: type[Form], document: Mapping[str, Any]) -> Document:
    """Return a document whose second bounds are not below the first."""
    ordered = dict(document)
    for spec in form.fields():
        low = _lower_bound(form, spec)
        if low is not None and {low, spec.name} <= {*ordered}:
            pair = sorted((ordered[low], ordered[spec.name]), key=_rank)
            ordered[low], ordered[spec.name] = pair
    return ordered


def _rank(value: Any) -> tuple[Decimal, str]:
    """Return a key that sorts amounts by value and days by their text."""
    try:
        return Decimal(value), ""
    except InvalidOperation:
        return Decimal(0), value
