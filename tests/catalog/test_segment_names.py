"""Names of segments are folded again after the folding has changed."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlmodel import select

from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.segment_names import refold_names, require_current_names
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment, Shop
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugins import Registry
from graphql_app.segments.editor import Changes, SegmentEditor
from graphql_app.segments.repository import SavedSegments

EVERYONE: dict[str, Any] = {"all": []}
# The names of an earlier version, which only ignored case, with their keys.
NAMES = {"Ｆit": "ｆit", "Fit": "fit", "ＦＩＴ": "ｆｉｔ", "Strasse": "strasse", "Other": "other"}


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    with closing(Catalog(catalog_url)) as catalog:
        migrate(catalog)
        yield catalog


@pytest.fixture
def shop(catalog: Catalog) -> Shop:
    """Return a shop with segments of an earlier version."""
    shop = Shop(handle="acme", name="Acme", timezone="UTC", currency="USD")
    with catalog.write() as session:
        session.add(shop)
        session.flush()
        assert shop.id is not None
        for name, key in NAMES.items():
            session.add(
                Segment(
                    shop_id=shop.id, name=name, name_key=key, rule=EVERYONE, summary="",
                    folding_version=0,
                )
            )  # fmt: skip
    return shop


def keys(catalog: Catalog) -> dict[str, str]:
    with catalog.read() as session:
        return {segment.name: segment.name_key for segment in session.exec(select(Segment)).all()}


def test_names_that_become_equal_keep_working_until_they_are_changed(
    catalog: Catalog, shop: Shop, registry: Registry
) -> None:
    with pytest.raises(AppError, match="run `segments migrate`"):
        require_current_names(catalog)
    assert refold_names(catalog) == len(NAMES)
    require_current_names(catalog)
    assert refold_names(catalog) == 0
    found = keys(catalog)
    assert found["Fit"] == "fit"  # it had this key before
    assert len({*found.values()}) == len(NAMES)

    saved = SavedSegments(catalog, registry, shop)
    editor = SegmentEditor(saved)
    for name in NAMES:
        segment = saved.find(name)
        assert (segment.name, segment.id) == (name, segment.id)
        assert segment.id is not None
        changed = editor.update(segment.id, Changes(name=name, description="Changed."), None)
        assert (changed.name, changed.description) == (name, "Changed.")
    assert saved.find(" FIT ").name == "Fit"
    assert keys(catalog) == found

    other = saved.find("Other").id
    assert other is not None
    for name in ("ｆｉｔ", "STRAßE"):
        with pytest.raises(AppError) as refused:
            editor.update(other, Changes(name=name), None)
        assert refused.value.code is ErrorCode.NAME_TAKEN


def test_the_way_back_restores_the_keys(catalog: Catalog, shop: Shop) -> None:
    refold_names(catalog)
    migrate(catalog, "0006")
    migrate(catalog)
    assert keys(catalog) == NAMES
