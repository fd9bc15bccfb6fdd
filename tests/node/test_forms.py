"""Form libraries show every criterion's form, with the code of docs/forms.md.

Set ``FORM_MATRIX`` to the path of a file, and the tests write the results into it as a table.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

from graphql_app.criteria import FieldKind
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.plugin_discovery import load
from graphql_app.plugins import Registry
from graphql_app.settings import Settings
from tests.docs.pages import ROOT, blocks
from tests.node.form_documents import complete, documents, refused
from tests.node.test_node import NODE, SCRIPTS
from tests.support import Server, serving

PAGE = ROOT / "docs/forms.md"
LIBRARIES = ("RJSF 6", "RJSF 5", "JSON Forms 3", "React Query Builder 8")
ACME = ROOT / "tests/plugins/acme_loyalty/src"
FORMS = SCRIPTS / "forms"


@dataclass(frozen=True)
class Results:
    """What the libraries did: the numbers of passed checks and the problems, by criterion."""

    criteria: Sequence[Mapping[str, Any]]
    passed: Mapping[tuple[str, str], Mapping[str, int]]
    problems: Sequence[str]
    rule: Any
    submitted_rule: Any


@pytest.fixture(scope="module")
def with_acme() -> Iterator[Registry]:
    """Return the built-in plugins and a third party's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ACME))
        point = EntryPoint("acme_loyalty", "acme_loyalty", ENTRY_POINT_GROUP)
        yield load([*entry_points(group=ENTRY_POINT_GROUP), point])


@pytest.fixture(scope="module")
def results(
    with_acme: Registry,
    server: Server,
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Results:
    if not (FORMS / "node_modules").is_dir():
        pytest.fail(f"{FORMS}/node_modules is missing: run `make forms` first")
    directory = tmp_path_factory.mktemp("forms")
    for block in blocks(PAGE):
        if block.info.startswith("file="):
            (directory / block.info.removeprefix("file=")).write_text(block.text)
    [query] = [block.text for block in blocks(PAGE) if block.language == "graphql"]
    with serving(replace(server.services, registry=with_acme), settings) as address:
        metadata = replace(server.shop(), address=address).ask(query)["criteria"]
    criteria = _with_inputs(metadata, with_acme)
    examples = [{each["key"]: each["documents"][0]} for each in criteria]
    rule = {"any": [{"not": {"all": examples}}, {"all": [{"any": examples}, *examples]}]}
    (directory / "criteria.json").write_text(json.dumps(criteria))
    (directory / "rule.json").write_text(json.dumps(rule))
    # With more memory for new objects, Node spends less time on collecting garbage.
    command = [str(NODE), "--max-semi-space-size=64", str(FORMS / "main.js"), str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    [submitted_rule] = [line["rule"] for line in lines if "rule" in line]
    lines = [line for line in lines if "rule" not in line]
    return Results(
        criteria,
        {(line["library"], line["criterion"]): line["passed"] for line in lines},
        [f"{line['library']} {problem}" for line in lines for problem in line["problems"]],
        rule,
        submitted_rule,
    )


def _with_inputs(metadata: Sequence[Mapping[str, Any]], registry: Registry) -> list[dict[str, Any]]:
    """Add the inputs to each criterion: all of them once for each form, else one of each kind.

    Some criteria have the same form, with another title and description.
    """
    criteria = []
    forms: list[Any] = []
    for each in metadata:
        found = {**each, **_inputs(registry.criteria[each["key"]])}
        schema = {**each["jsonSchema"], "title": "", "description": ""}
        form = (schema, each["uiSchema"], each["jsonFormsUiSchema"], found["operators"])
        if form in forms:
            found |= {name: found[name][:1] for name in ("documents", "entered", "refused")}
        forms.append(form)
        criteria.append(found)
    return criteria


def _inputs(form: Any) -> Mapping[str, Any]:
    """Return what is entered into the forms of a criterion."""
    operators = [
        {
            "name": operator.value,
            "label": operator.label,
            "fields": [spec.name for spec in form.fields() if operator in spec.used_with],
        }
        for operator in form.operators()
    ]
    filled = [complete(form, each, number) for number, each in enumerate(form.operators())]
    entered = [
        {"operator": operator, "document": document, "required": required}
        for operator, (document, required) in zip(operators, filled, strict=True)
    ]
    return {
        "operators": operators,
        "documents": list(documents(form)),
        "entered": entered,
        "refused": list(refused(form)),
    }


def test_the_documents_have_every_field_window_and_condition(with_acme: Registry) -> None:
    for criterion in with_acme.criteria.values():
        assert len(list(refused(criterion))) >= 3
        made = list(documents(criterion))
        assert {document["operator"] for document in made} == {*criterion.operators()}
        for spec in criterion.fields():
            values = [document[spec.name] for document in made if spec.name in document]
            assert values
            if spec.type.kind is FieldKind.TIME_WINDOW:
                kinds = {tuple(each["properties"]) for each in spec.type.json_schema["oneOf"]}
                assert {tuple(value) for value in values} == kinds
            if spec.condition is not None:
                conditions = [each for value in values for each in value]
                assert _operators_of(conditions) == {*spec.condition.operators()}


def _operators_of(conditions: Sequence[Mapping[str, Any]]) -> set[str]:
    return {condition["operator"] for condition in conditions}


def test_nothing_went_wrong(results: Results) -> None:
    assert results.problems == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_shows_submits_and_refuses_what_it_should(library: str, results: Results) -> None:
    for criterion in results.criteria:
        assert results.passed[library, criterion["key"]] == {
            "renders": len(criterion["entered"]),
            "submits": len(criterion["documents"]),
            "refuses": len(criterion["refused"]),
            "enters": len(criterion["entered"]),
            "clears": len(criterion["entered"]),
        }


def test_every_criterion_was_tried_in_every_library(results: Results, with_acme: Registry) -> None:
    assert {"loyaltyPoints", "loyaltyTier"} < {*with_acme.criteria}
    expected = {(library, key) for library in LIBRARIES for key in with_acme.criteria}
    assert {*results.passed} == expected
    if "FORM_MATRIX" in os.environ:
        Path(os.environ["FORM_MATRIX"]).write_text(_matrix(results))


def test_a_nested_rule_comes_back_unchanged_from_the_query_builder(results: Results) -> None:
    assert results.submitted_rule == results.rule


def _matrix(results: Results) -> str:
    """Return a table of criteria and libraries, with the number of passed checks of each kind."""
    rows = [f"| criterion | {' | '.join(LIBRARIES)} |", "| --- |" + " --- |" * len(LIBRARIES)]
    for key in sorted({key for _, key in results.passed}):
        cells = [
            ", ".join(f"{kind} {number}" for kind, number in results.passed[library, key].items())
            for library in LIBRARIES
        ]
        rows.append(f"| {key} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"
