"""Shops: the tenants."""

import re
from collections.abc import Iterable, Sequence

from babel.numbers import list_currencies
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.weekday import Weekday
from graphql_app.countries import COUNTRY_REQUIRED, is_country
from graphql_app.errors import ErrorCode, InvalidInputError, NotFoundError, Problem
from graphql_app.timezones import zone_names

HANDLE_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def stored_id(shop: Shop) -> int:
    if shop.id is None:
        raise ValueError("the shop has not been stored")
    return shop.id


def add_shop(session: Session, shop: Shop) -> Shop:
    """Add a shop to the catalog.

    Raises:
        InvalidInputError: The handle is taken, or a value is malformed or unknown.
    """
    problems = list(_shop_problems(shop))
    if not problems:
        session.add(shop)
        try:
            session.flush()
        except IntegrityError:
            problems = [_invalid("handle", f"The handle {shop.handle!r} is already taken.")]
    if problems:
        raise InvalidInputError(problems)
    return shop


def _shop_problems(shop: Shop) -> Iterable[Problem]:
    if not HANDLE_PATTERN.fullmatch(shop.handle):
        yield _invalid(
            "handle",
            "A shop's handle must have 1 to 63 characters from a-z, 0-9 and -, and cannot start "
            "with a hyphen.",
        )
    if not shop.name.strip() or len(shop.name) > 255:
        yield _invalid("name", "A shop's name must have 1 to 255 characters.")
    if shop.timezone not in zone_names():
        yield _invalid(
            "timezone",
            f"Unknown time zone {shop.timezone!r}: use a name from the IANA database, such as "
            "America/New_York.",
        )
    if shop.currency not in list_currencies():
        yield _invalid(
            "currency", f"Unknown currency {shop.currency!r}: use an ISO 4217 code, such as USD."
        )
    if shop.first_weekday not in {*Weekday}:
        yield _invalid(
            "firstWeekday",
            f"Unknown weekday {shop.first_weekday!r}: use one of {', '.join(Weekday)}.",
        )
    if not (shop.country is None or is_country(shop.country)):
        yield _invalid("country", f"The country {shop.country!r} {COUNTRY_REQUIRED}.")


def _invalid(field: str, message: str) -> Problem:
    return Problem(ErrorCode.INVALID, message, (field,))


def list_shops(catalog: Catalog) -> Sequence[Shop]:
    """Return all shops, sorted by handle."""
    with catalog.read() as session:
        return session.exec(select(Shop).order_by(col(Shop.handle))).all()


def list_handles(catalog: Catalog) -> Sequence[str]:
    """Return the handles of all shops, sorted, at any revision of the schema."""
    with catalog.read() as session:
        return session.exec(select(Shop.handle).order_by(col(Shop.handle))).all()


def find_shop(catalog: Catalog, handle: str) -> Shop:
    with catalog.read() as session:
        shop = session.exec(select(Shop).where(Shop.handle == handle)).first()
    if shop is None:
        raise NotFoundError(f"shop: {handle!r}", "List the shops with `segments shop list`.")
    return shop


def find_country(catalog: Catalog, shop_id: int) -> str | None:
    """Return the country of a shop, unless it has none or does not exist."""
    with catalog.read() as session:
        return session.exec(select(Shop.country).where(Shop.id == shop_id)).first()


def set_country(catalog: Catalog, handle: str, country: str) -> Shop:
    """Set the country of a shop.

    Raises:
        InvalidInputError: It is not the code of a country.
        NotFoundError: No shop has the handle.
    """
    shop = find_shop(catalog, handle)
    shop.country = country
    if problems := list(_shop_problems(shop)):
        raise InvalidInputError(problems)
    with catalog.write() as session:
        return session.merge(shop)
