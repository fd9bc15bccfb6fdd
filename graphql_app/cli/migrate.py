"""``segments migrate``: bring the catalog and the audience to this version's schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import out, progress_bars, read_settings

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from graphql_app.audience.store import Audience
    from graphql_app.catalog.store import Catalog
    from graphql_app.settings import Settings

# The revision that adds the countries of shops: no shop of an earlier one has a country.
ADDS_COUNTRIES = "0008"


def migrate_command(
    to: Annotated[
        str, typer.Option(help="The revision. Default: the one that this version needs.")
    ] = "head",
    yes: Annotated[
        bool, typer.Option("--yes", help="Downgrade without asking, even if data is lost.")
    ] = False,
) -> None:
    """Upgrade the stores to this version, or migrate the catalog to another revision.

    An upgrade lists the saved segments whose meaning changes, and derives the columns of facts that
    this version adds. If it is interrupted, run it again.
    """
    from graphql_app.catalog.migrate import list_revisions, read_revision
    from graphql_app.catalog.segment_names import refold_names
    from graphql_app.startup.catalog import open_unchecked_catalog

    settings = read_settings()
    with open_unchecked_catalog(settings) as catalog:
        before, known = read_revision(catalog), list_revisions()
        target = known[-1] if to == "head" else to
        is_upgrade = target in known and (
            before is None or before in known[: known.index(target) + 1]
        )
        if not is_upgrade:
            if target in known and before in known and not yes:
                typer.confirm(f"Downgrade to {to} and lose what later revisions added?", abort=True)
            _migrate_catalog(catalog, target)
            return
        # Everything is listed before anything is migrated: if the rest fails or is interrupted, the
        # revision is still the old one, or the lists have been printed.
        with _existing_audience(settings) as audience:
            if before is not None:
                revisions = known[known.index(before) + 1 : known.index(target) + 1]
                list_affected(catalog, revisions, audience)
                if ADDS_COUNTRIES in revisions:
                    _list_shops(catalog)
            _migrate_catalog(catalog, target)
            if target == known[-1]:
                refold_names(catalog)
                if audience is not None:
                    _migrate_facts(settings, catalog, audience)


def _migrate_catalog(catalog: Catalog, target: str) -> None:
    from graphql_app.catalog.migrate import migrate, read_revision

    before = read_revision(catalog)
    migrate(catalog, target)
    has = "already has" if before == target else "now has"
    out.print(f"The catalog {escape(catalog.name)} {has} the schema {target}.")


@contextmanager
def _existing_audience(settings: Settings) -> Iterator[Audience | None]:
    """Yield the audience with this version's tables; ``None`` if the first start creates it."""
    if not settings.audience_url and not (settings.data_dir / "audience").exists():
        yield None
        return
    from graphql_app.audience.table_setup import create_tables
    from graphql_app.startup.audience import open_audience

    with open_audience(settings) as audience:
        create_tables(audience)
        yield audience


def list_affected(catalog: Catalog, revisions: list[str], audience: Audience | None) -> None:
    from graphql_app.segments.changed_criteria import affected_segments

    @cache
    def upcoming(shop_id: int) -> Collection[str]:
        if audience is None:
            return ()
        from graphql_app.audience.upcoming import tables_with_upcoming_facts

        return tables_with_upcoming_facts(audience, shop_id, datetime.now(UTC))

    @cache
    def has_other_rules(zone: ZoneInfo) -> bool:
        from graphql_app.audience.zone_rules import has_other_rules

        return has_other_rules(zone, audience)

    # For each reason, the segments, each with its criteria that change.
    reasons: dict[str, dict[str, list[str]]] = {}
    for each in affected_segments(catalog, revisions, upcoming, has_other_rules):
        of_reason = reasons.setdefault(each.change, {})
        of_reason.setdefault(f"{each.shop}: {each.segment.name}", []).append(each.key)
    if reasons:
        out.print("These saved segments have criteria whose meaning changes:")
    for reason, segments in reasons.items():
        out.print(escape(f"- {reason}"))
        for segment_name, keys in segments.items():
            out.print(escape(f"  - {segment_name} ({', '.join(keys)})"))


def _list_shops(catalog: Catalog) -> None:
    from graphql_app.catalog.shops import list_handles

    handles = list_handles(catalog)
    if handles:
        out.print(
            "These shops have no country, so phone numbers without a country code cannot be "
            "texted, unless the contact has a country. When the migration has finished, set it "
            "with `segments shop update`:"
        )
    for handle in handles:
        out.print(escape(f"- {handle}"))


def _migrate_facts(settings: Settings, catalog: Catalog, audience: Audience) -> None:
    from graphql_app.audience.migrate import migrate_rows
    from graphql_app.startup.audience import open_recorder

    recorder = open_recorder(settings, catalog, audience)
    with progress_bars() as progress:
        rows = migrate_rows(audience, recorder.hold_write_lock, recorder.country_of, progress)
    if rows:
        out.print(f"{rows:,} rows of facts now have the columns of this version.")
