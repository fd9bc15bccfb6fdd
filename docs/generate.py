"""Writes what is made from the code: the catalogue of criteria, the contract, and the tables of
settings and metrics.

python docs/generate.py           writes them
python docs/generate.py --check   fails if one is not as the code has it
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from prometheus_client.metrics import Info, MetricWrapperBase

from graphql_app import criteria as contract
from graphql_app.criteria import Criterion, FieldKind, Form, Group, Scope
from graphql_app.criteria.form import FieldSpec
from graphql_app.http.monitoring import STATE
from graphql_app.observability.metrics import Metrics
from graphql_app.plugins import Registry, discover
from graphql_app.segments.rules import parser, sentences, tree
from graphql_app.settings import Settings, as_set

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Written by docs/generate.py; do not edit. -->\n\n"
SCOPE = Scope(ZoneInfo("America/New_York"), "USD", datetime(2024, 7, 15, 16, tzinfo=UTC))

INTRODUCTION = """\
Each is a plugin of its own in `criteria_plugins/`. What a form needs to know of them, and more, is
in the [metadata](api.md#metadata-for-form-builders) too. Fields in brackets may be left out."""
CONTRACT = """\
Everything that a plugin may import, with what the code says of it.
[Writing a criterion](plugins.md) shows how it is used, and says what of it may change."""

GROUPS = {
    Group.PURCHASES: "Purchases",
    Group.MESSAGING: "Messaging and consent",
    Group.PROFILE: "Profile",
    Group.OTHER: "Other",
}

# Where an operator looks for a setting.
SETTINGS = {
    "Stores": ("data_dir", "catalog_url", "audience_url", "audience_cluster"),
    "The server": ("host", "port", "workers", "drain_seconds", "strict_plugins"),
    "What is seen of it": (
        "log_level", "log_format", "slow_rule_seconds", "metrics", "metrics_token",
    ),
    "Statements and memory": (
        "query_timeout", "query_memory", "query_concurrency", "index_memory",
    ),
    "Limits of requests": (
        "rate_limit", "failure_limit", "max_query_bytes", "max_facts_bytes", "max_depth",
        "max_fields", "max_aliases", "max_repeats", "max_directives", "max_tokens", "max_cost",
        "init_timeout",
        "max_operations", "max_sockets", "max_sockets_per_token", "introspection",
        "trusted_documents", "cors_origins", "read_timeout",
    ),
}  # fmt: skip

# Where the names that an author imports are explained, in the order in which they are needed.
MODULES = (
    "graphql_app.criteria.hooks",
    "graphql_app.criteria.base",
    "graphql_app.criteria.comparisons",
    "graphql_app.criteria.operators",
    "graphql_app.criteria.fields",
    "graphql_app.criteria.field_types",
    "graphql_app.criteria.windows",
    "graphql_app.criteria.scope",
    "graphql_app.criteria.interval",
    "graphql_app.criteria.texts",
    "graphql_app.criteria.properties",
    "graphql_app.criteria.products",
    "graphql_app.criteria.references",
    "graphql_app.criteria.describe",
    "graphql_app.criteria.starters",
    "graphql_app.criteria.form",
    "graphql_app.criteria.schemas",
    "graphql_app.audience.tables",
    "graphql_app.testing",
)


def pages(registry: Registry) -> dict[Path, str]:
    """The text of every page that is made from the code."""
    readme = ROOT / "README.md"
    operations = ROOT / "docs/operations.md"
    text = _replaced(operations.read_text(), "settings", "\n".join(_settings()))
    return {
        operations: _replaced(text, "metrics", "\n".join(_metrics())),
        readme: _replaced(readme.read_text(), "criteria", "\n".join(_short_table(registry))),
        ROOT / "docs/criteria.md": _catalogue(registry),
        ROOT / "docs/contract.md": _reference(),
    }


def _replaced(text: str, marker: str, content: str) -> str:
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n{content}\n{end}{rest.split(end)[1]}"


def _settings() -> Iterator[str]:
    """A table for each group of settings."""
    fields = dict(Settings.model_fields)
    for group, names in SETTINGS.items():
        yield f"**{group}**"
        yield ""
        yield "| setting | default | what |"
        yield "| --- | --- | --- |"
        for name in names:
            field = fields.pop(name)
            default = as_set(field.default)
            shown = f"`{default}`" if default else ""
            yield f"| `{name.upper()}` | {shown} | {field.description} |"
        yield ""
    if fields:
        raise SystemExit(f"No group in docs/generate.py has the settings {', '.join(fields)}.")


def _metrics() -> Iterator[str]:
    """The metrics as Prometheus names them."""
    yield "| metric | type | labels | what |"
    yield "| --- | --- | --- | --- |"
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            name = metric._name + {"counter": "_total", "info": "_info"}.get(str(metric._type), "")
            labels = _code(metric._value if isinstance(metric, Info) else metric._labelnames)
            yield f"| `{name}` | {metric._type} | {labels} | {metric._documentation} |"
    for name, what in STATE.items():
        yield f"| `{name}` | gauge |  | {what} |"


def _by_group(registry: Registry) -> Iterator[tuple[Group, list[type[Criterion]]]]:
    for group in GROUPS:
        found = [kind for kind in registry.criteria.values() if kind.group is group]
        if found:
            yield group, found


def _code(names: Any) -> str:
    return " ".join(f"`{name}`" for name in names)


def _short_table(registry: Registry) -> Iterator[str]:
    yield "| | criteria |"
    yield "| --- | --- |"
    for group, found in _by_group(registry):
        links = (f"[`{kind.key}`](docs/criteria.md#{kind.key.lower()})" for kind in found)
        yield f"| {GROUPS[group]} | {' '.join(links)} |"


def _catalogue(registry: Registry) -> str:
    lines = [
        "# The built-in criteria",
        "",
        INTRODUCTION,
        "",
        "| criterion | what it asks | operators | other fields |",
        "| --- | --- | --- | --- |",
    ]
    for _, found in _by_group(registry):
        for kind in found:
            names = [_bracketed(spec) for spec in kind.fields()]
            lines.append(
                f"| [`{kind.key}`](#{kind.key.lower()}) | {kind.description()} "
                f"| {_code(kind.operators())} | {_code(names)} |"
            )
    for group, found in _by_group(registry):
        lines += ["", f"## {GROUPS[group]}"]
        for kind in found:
            lines += _details(kind, registry)
    return NOTE + "\n".join(lines) + "\n"


def _bracketed(spec: FieldSpec) -> str:
    return spec.name if spec.required else f"[{spec.name}]"


def _details(kind: type[Criterion], registry: Registry) -> Iterator[str]:
    yield from ("", f"### {kind.key}", "")
    yield from (inspect.cleandoc(kind.__doc__ or ""), "")
    yield from _fields(kind)
    for spec in kind.fields():
        if spec.condition is not None:
            yield from (f"Each of `{spec.name}` has an operator and fields of its own:", "")
            yield from _fields(spec.condition)
    example = contract.example(kind)
    rule = _parsed(example, registry)
    asks = any(spec.type.kind is FieldKind.SEGMENT for spec in kind.fields())
    yield "```json" if asks else "```json rule"  # the tests know no segment of that id
    yield json.dumps(tree.document(rule), ensure_ascii=False)
    yield "```"
    yield ""
    yield f"> {sentences.sentence(rule, SCOPE)}"


def _parsed(example: dict[str, Any], registry: Registry) -> tree.Rule:
    def library(id: str) -> tree.Named:
        return tree.Named(id, "VIPs", {"all": []})

    return parser.parse(example, registry, library=library)


def _fields(form: type[Form]) -> Iterator[str]:
    yield "| field | input | value | with |"
    yield "| --- | --- | --- | --- |"
    for spec in form.fields():
        every = len(spec.used_with) == len(form.operators())
        used_with = "every operator" if every else _code(spec.used_with)
        yield f"| `{_bracketed(spec)}` | {spec.form.label} | {_value(spec)} | {used_with} |"
    yield ""


def _value(spec: FieldSpec) -> str:
    kind = spec.type
    if kind.kind is FieldKind.CONDITION:
        return f"up to {spec.most} conditions"
    if spec.choices is not None:
        return f"one of {_code(option.value for option in kind.options)}"
    words = {
        FieldKind.COUNT: f"a whole number, {kind.minimum} to {kind.maximum}",
        FieldKind.MONEY: "an amount in the shop's currency",
        FieldKind.NUMBER: f"a number, {kind.minimum} to {kind.maximum}",
        FieldKind.DATE: f"a day, {kind.minimum} to {kind.maximum}",
        FieldKind.TEXT: "text",
        FieldKind.CHOICE: f"one of {len(kind.options)} options",
        FieldKind.TIME_WINDOW: "a [time frame](api.md#rules)",
        FieldKind.SEGMENT: "the id of a segment",
        FieldKind.CONDITION: "",
    }[kind.kind]
    if spec.most is not None:
        words = f"1 to {spec.most:,} of: {words}"
    return f"{words}; suggested" if spec.form.suggests else words


class Module:
    """A module of the contract, and what its source says of its names."""

    def __init__(self, name: str) -> None:
        self.module: ModuleType = import_module(name)

    @cached_property
    def notes(self) -> dict[str, str]:
        """The texts below assignments, by the names that are assigned."""
        body = ast.parse(inspect.getsource(self.module)).body
        found = {}
        for statement, following in pairwise(body):
            match statement, following:
                case (
                    ast.Assign(targets=[ast.Name(id=name)]),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = inspect.cleandoc(text)
        return found

    def entries(self) -> Iterator[tuple[str, Any]]:
        """The public names that are made here, with what they are."""
        if hasattr(self.module, "__all__"):
            public = {name: getattr(self.module, name) for name in self.module.__all__}
        else:
            public = {name: getattr(contract, name) for name in contract.__all__}
        for name, value in public.items():
            made_here = getattr(value, "__module__", None) == self.module.__name__
            if name in self.notes or (made_here and value.__doc__) or name in self.own_names:
                yield name, value

    @property
    def own_names(self) -> frozenset[str]:
        """Names that a package offers although its modules make them."""
        return frozenset(getattr(self.module, "__all__", ()))


def _reference() -> str:
    lines = [
        "# The contract of plugins",
        "",
        CONTRACT,
    ]
    for name in MODULES:
        module = Module(name)
        title, _, rest = inspect.cleandoc(module.module.__doc__ or "").partition("\n\n")
        lines += ["", f"## {name}", "", title]
        if rest:
            lines += ["", _prose(rest)]
        for entry, value in module.entries():
            lines += ["", f"### {entry}", ""]
            lines += _entry(entry, value, module)
    return NOTE + "\n".join(lines) + "\n"


def _entry(name: str, value: Any, module: Module) -> Iterator[str]:
    if name in module.notes:
        yield _prose(module.notes[name])
    elif inspect.isclass(value) and issubclass(value, Enum):
        yield from (_prose(inspect.cleandoc(value.__doc__ or "")), "")
        for member in value:
            label, twin = getattr(member, "label", ""), getattr(member, "negates", None)
            complement = f", the complement of `{twin}`" if twin else ""
            yield f"- `{member.name}`" + (f": {label}{complement}" if label else "")
    elif inspect.isclass(value):
        bases = [base.__name__ for base in value.__bases__ if base.__name__ in contract.__all__]
        yield from ([f"A {' and '.join(f'`{base}`' for base in bases)}.", ""] if bases else [])
        yield _prose(inspect.cleandoc(value.__doc__ or ""))
        yield from _members(value)
    elif callable(value):
        yield from (f"```python\n{name}{_signature(value)}\n```", "")
        yield _prose(inspect.cleandoc(value.__doc__ or ""))
    else:
        yield f"`{value!r}`"


def _members(cls: type) -> Iterator[str]:
    """The methods and properties that a class itself adds."""
    for name, member in vars(cls).items():
        inner = getattr(member, "fget", getattr(member, "__func__", member))
        if name.startswith("_") or not inspect.isfunction(inner) or not inner.__doc__:
            continue
        words = _prose(inspect.cleandoc(inner.__doc__))
        head = name if isinstance(member, property) else f"{name}{_signature(inner)}"
        yield from ("", f"```python\n{head}\n```", "", words)


def _signature(function: Any) -> str:
    text = str(inspect.signature(function))
    text = re.sub(r"graphql_app\.[a-z_.]+\.|sqlalchemy\.[a-z_.]+\.", "", text.replace("'", ""))
    return re.sub(r"\(self(, )?|\(cls(, )?", "(", text)


def _prose(text: str) -> str:
    """A docstring as Markdown: its sections as lists."""
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    lines: list[str] = []
    section = False
    for line in text.splitlines():
        heading = re.fullmatch(r"(Args|Returns|Raises|Attributes|Yields):", line)
        if heading:
            lines += [f"**{heading[1]}**", ""]
        elif (item := re.fullmatch(r"    (\w+): (.*)", line)) is not None:
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif section and line.startswith("    "):
            goes_on = lines[-1].startswith(("- ", "  "))
            lines.append("  " + line.strip() if goes_on else line.strip())
        else:
            lines.append(line)
        section = section or heading is not None
    return "\n".join(lines)


def main() -> None:
    """Write the pages, or see that they are as they would be written."""
    stale = [path for path, text in pages(discover()).items() if _differs(path, text)]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not as the code has it; run `make docs`.")
        sys.exit(1 if stale else 0)
    for path, text in pages(discover()).items():
        path.write_text(text)


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text() != text


if __name__ == "__main__":
    main()
