"""The catalog on SQLite and on PostgreSQL: schema, uniqueness, concurrency, tokens."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from graphql_app.catalog import shops, tokens
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, NotFoundError
from graphql_app.plugins import Registry
from graphql_app.segments import editor as segment_editor
from graphql_app.segments.default_segments import create_shop, update_defaults
from graphql_app.segments.editor import Changes, SegmentEditor
from graphql_app.segments.references import segment_id
from graphql_app.segments.repository import SavedSegments

RULE: dict[str, Any] = {"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}


@pytest.fixture
def shop(catalog: Catalog, registry: Registry) -> Shop:
    return create_shop(catalog, registry, _shop("acme"))


@pytest.fixture
def saved(catalog: Catalog, registry: Registry, shop: Shop) -> SavedSegments:
    return SavedSegments(catalog, registry, shop)


@pytest.fixture
def editor(saved: SavedSegments) -> SegmentEditor:
    return SegmentEditor(saved)


def _shop(
    handle: str = "acme", name: str = "A", timezone: str = "UTC", currency: str = "USD"
) -> Shop:
    return Shop(handle=handle, name=name, timezone=timezone, currency=currency)


def test_a_new_shop_has_the_default_segments(
    catalog: Catalog, registry: Registry, saved: SavedSegments
) -> None:
    names = [segment.name for segment in saved.page(limit=100)]
    assert names == ["All US/Canada Customers and Subscribers", "Customers Texted More Than Once"]
    update_defaults(catalog, registry)
    assert [segment.version for segment in saved.page(limit=100)] == [1, 1]


def test_a_later_version_of_a_default_segment_replaces_it(
    catalog: Catalog, registry: Registry, saved: SavedSegments, editor: SegmentEditor
) -> None:
    first, *others = registry.default_segments
    editor.create(Changes("Better", rule=RULE))
    better = replace(first, name="better", description="Now better.", rule=RULE)
    update_defaults(catalog, replace(registry, default_segments=(better, *others)))
    changed = next(found for found in saved.page(limit=100) if found.default_key == first.key)
    assert (changed.name, changed.description) == ("better (default)", "Now better.")
    assert (changed.rule, changed.version) == (RULE, 2)
    assert changed.summary == "Has spent more than $50.00"
    assert saved.count() == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("timezone", "Mars/Olympus"), ("currency", "EURO"), ("handle", "Not A Handle"), ("name", " ")],
)
def test_an_invalid_shop_is_not_created(
    catalog: Catalog, registry: Registry, field: str, value: str
) -> None:
    with pytest.raises(AppError) as refused:
        create_shop(catalog, registry, _shop(**{field: value}))
    assert refused.value.problems[0].path == (field,)
    assert shops.list_shops(catalog) == []


def test_handles_are_unique(catalog: Catalog, registry: Registry, shop: Shop) -> None:
    with pytest.raises(AppError, match="already"):
        create_shop(catalog, registry, _shop(shop.handle))
    assert len(shops.list_shops(catalog)) == 1


def test_names_are_unique_ignoring_case_and_spaces(
    saved: SavedSegments, editor: SegmentEditor
) -> None:
    editor.create(Changes("Big  Spenders", rule=RULE))
    for name in ("big spenders", " BIG SPENDERS "):
        with pytest.raises(AppError) as refused:
            editor.create(Changes(name, rule=RULE))
        assert refused.value.code is ErrorCode.NAME_TAKEN
        assert 'A segment named "Big Spenders" already exists.' in str(refused.value)
    assert saved.count() == 3


def test_an_error_about_a_name_quotes_the_name_that_exists(
    saved: SavedSegments, editor: SegmentEditor
) -> None:
    editor.create(Changes("Café Straße", rule=RULE))
    other = editor.create(Changes("Other", rule=RULE))
    message = (
        'A segment named "Café Straße" already exists. Choose a name that differs in more than '
        "case, spacing or the form of its letters."
    )
    for name in ("CAFÉ STRASSE", "cafe\u0301  strasse", "Ｃafé Straße"):
        with pytest.raises(AppError) as created:
            editor.create(Changes(name, rule=RULE))
        with pytest.raises(AppError) as updated:
            editor.update(segment_id(other), Changes(name), None)
        for refused in (created.value, updated.value):
            assert (refused.code, str(refused)) == (ErrorCode.NAME_TAKEN, message)
    assert saved.count() == 4


def test_a_shop_has_a_maximum_number_of_segments(
    editor: SegmentEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_editor, "MAX_SEGMENTS", 4)
    first = editor.create(Changes("First", rule=RULE))
    editor.create(Changes("Last", rule=RULE))
    with pytest.raises(AppError, match="at most 4 segments") as refused:
        editor.create(Changes("More", rule=RULE))
    assert refused.value.code is ErrorCode.LIMIT_EXCEEDED
    with pytest.raises(AppError, match="at most 4 segments"):
        editor.duplicate(segment_id(first), None)
    editor.delete(segment_id(first))
    assert editor.create(Changes("More", rule=RULE)).name == "More"


def test_a_rule_with_unusual_text_is_stored_unchanged(
    saved: SavedSegments, editor: SegmentEditor
) -> None:
    odd = ["a\x00b", "it's", 'q"q', "back\\slash", "tab\t", "\N{GRINNING FACE}", "%s", "{x:String}"]
    rule = {"productPurchased": {"operator": "ANY_OF", "products": odd}}
    kept = saved.get(segment_id(editor.create(Changes("Odd", rule=rule))))
    assert kept is not None
    assert kept.rule == rule
    assert kept.summary.startswith("Has bought any of a\N{SYMBOL FOR NULL}b, it's, ")


def test_one_of_several_writers_with_the_same_expected_version_wins(
    saved: SavedSegments, editor: SegmentEditor
) -> None:
    number = segment_id(editor.create(Changes("Contested", rule=RULE)))
    barrier = threading.Barrier(8)

    def write(name: str) -> str:
        barrier.wait()
        try:
            editor.update(number, Changes(name=name), expected_version=1)
        except AppError as error:
            return error.code
        return name

    with ThreadPoolExecutor(8) as pool:
        outcomes = [*pool.map(write, [f"Writer {n}" for n in range(8)])]
    assert len(outcomes) == 8
    assert outcomes.count(ErrorCode.VERSION_CONFLICT) == 7
    kept = saved.get(number)
    assert kept is not None
    assert kept.version == 2
    assert kept.name in outcomes


def test_one_of_two_writers_that_would_close_a_cycle_wins(
    saved: SavedSegments, editor: SegmentEditor
) -> None:
    pair = [editor.create(Changes(name=name, rule={"all": []})) for name in ("A", "B")]
    ids = [option.value for option in saved.options("", 10) if option.label in {"A", "B"}]
    barrier = threading.Barrier(2)

    def refer(one: int, other: int) -> ErrorCode | None:
        rule = {"inSegment": {"operator": "IS", "segment": ids[other]}}
        barrier.wait()
        try:
            editor.update(segment_id(pair[one]), Changes(rule=rule), None)
        except AppError as error:
            return error.code
        return None

    with ThreadPoolExecutor(2) as pool:
        codes = {*pool.map(refer, (0, 1), (1, 0))}
    assert codes == {None, ErrorCode.SEGMENT_CYCLE}


def test_a_segment_cannot_be_deleted_while_another_begins_to_use_it(
    saved: SavedSegments, editor: SegmentEditor
) -> None:
    inner = editor.create(Changes(name="Inner", rule={"all": []}))
    [option] = saved.options("inner", 1)
    barrier = threading.Barrier(2)

    def attempt(action: str) -> str:
        barrier.wait()
        try:
            if action == "delete":
                editor.delete(segment_id(inner))
            else:
                rule = {"inSegment": {"operator": "IS", "segment": option.value}}
                editor.create(Changes(name="Outer", rule=rule))
        except AppError as error:
            return error.code
        return action

    with ThreadPoolExecutor(2) as pool:
        outcomes = {*pool.map(attempt, ("delete", "use"))}
    assert outcomes in ({"delete", ErrorCode.NOT_FOUND}, {"use", ErrorCode.SEGMENT_IN_USE})


def test_a_token_is_stored_as_a_hash(catalog: Catalog, shop: Shop) -> None:
    token = tokens.create_token(catalog, shop, [TokenScope.SEGMENTS_READ])
    found = tokens.authenticate(catalog, token)
    assert found is not None
    assert found.shop.handle == "acme"
    assert found.scopes == {TokenScope.SEGMENTS_READ}
    secret = token.rsplit("_", 1)[-1]
    with catalog.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM api_token")).all()
    assert secret not in str(rows)
    assert len(rows) == 1


def test_an_invalid_token_gives_no_access(catalog: Catalog, shop: Shop) -> None:
    token = tokens.create_token(catalog, shop, TokenScope)
    other = tokens.create_token(catalog, shop, TokenScope)
    swapped = token[:21] + other[21:]
    for wrong in ("", "seg_", token[:-1], token + "a", token.upper(), swapped, "é" * 64):
        assert tokens.authenticate(catalog, wrong) is None
    tokens.revoke_token(catalog, token.split("_")[1])
    assert tokens.authenticate(catalog, token) is None
    assert tokens.authenticate(catalog, other) is not None


def test_a_whole_token_can_be_revoked_and_is_in_no_error(catalog: Catalog, shop: Shop) -> None:
    token = tokens.create_token(catalog, shop, TokenScope)
    missing = f"seg_{'0' * 16}_{token.split('_', 2)[2]}"
    with pytest.raises(NotFoundError) as unknown:
        tokens.revoke_token(catalog, missing)
    assert missing not in str(unknown.value)
    assert tokens.revoke_token(catalog, token) == token.split("_")[1]
    assert tokens.authenticate(catalog, token) is None
