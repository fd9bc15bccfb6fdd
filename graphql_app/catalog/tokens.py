"""Shops and the tokens that give access to them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import ApiToken, Shop, now
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import NotFoundError

TOKEN_PATTERN = re.compile(r"seg_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")

CACHE_SECONDS = 1.0  # seconds for which what a token gives access to is not asked again
MAX_CACHED = 10_000
IDS_PER_STATEMENT = 1_000  # tokens that one statement asks for


@dataclass(frozen=True, slots=True)
class Access:
    """Who is asking: a shop, and what its token may do."""

    shop: Shop
    scopes: frozenset[TokenScope]
    token_id: str = ""

    @property
    def shop_id(self) -> int:
        """The shop's id in the catalog and in the tables of facts."""
        return stored_id(self.shop)


def create_token(catalog: Catalog, shop: Shop, scopes: Iterable[TokenScope], name: str = "") -> str:
    """Make a token; its text is returned this once and kept nowhere."""
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    with catalog.write() as session:
        session.add(
            ApiToken(
                id=token_id,
                shop_id=stored_id(shop),
                name=name,
                secret_hash=_hash(secret),
                scopes=sorted(set(scopes)),
            )
        )
    return f"seg_{token_id}_{secret}"


def list_tokens(catalog: Catalog, shop: Shop) -> Sequence[ApiToken]:
    """A shop's tokens, the newest first."""
    with catalog.read() as session:
        found = select(ApiToken).where(ApiToken.shop_id == shop.id)
        return session.exec(found.order_by(col(ApiToken.created_at).desc())).all()


def revoke_token(catalog: Catalog, token_id: str) -> str:
    """End a token's life, at once; its id.

    Args:
        catalog: The catalog.
        token_id: Its id; or all of it, as who has nothing else in haste may give it.

    Raises:
        NotFoundError: There is none.
    """
    whole = TOKEN_PATTERN.fullmatch(token_id)
    with catalog.write() as session:
        token = session.get(ApiToken, whole[1] if whole else token_id)
        if token is None:
            # What was given may be a secret.
            raise NotFoundError("token", hint="List the ids with `segments token list`.")
        token.revoked_at = token.revoked_at or now()
        session.add(token)
        return token.id


def authenticate(catalog: Catalog, token: str) -> Access | None:
    """What a token gives access to; ``None`` when it gives none, for whatever reason."""
    parts = TOKEN_PATTERN.fullmatch(token)
    if parts is None:
        return None
    token_id, secret = parts.groups()
    with catalog.read() as session:
        found = session.exec(
            select(ApiToken, Shop)
            .join(Shop, col(Shop.id) == col(ApiToken.shop_id))
            .where(ApiToken.id == token_id)
        ).first()
    expected = found[0].secret_hash if found else _hash("")
    if not hmac.compare_digest(expected, _hash(secret)) or found is None:
        return None
    stored, shop = found
    if stored.revoked_at is not None:
        return None
    return Access(shop, frozenset(TokenScope(scope) for scope in stored.scopes), stored.id)


class TokenCache:
    """What tokens give access to, asked of the catalog once a second at most for each.

    So a token that is revoked, by whatever process, ends within a second.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[str, tuple[float, Access]] = {}

    def find_cached(self, token: str) -> Access | None:
        """What a token was found to give access to a moment ago, if it was."""
        until, access = self._known.get(_hash(token), (0.0, None))
        return access if time.monotonic() < until else None

    def is_cached(self, token: str) -> bool:
        """Whether a token gave access when it was last asked for."""
        return _hash(token) in self._known

    def find_revoked(self, ids: Sequence[str]) -> set[str]:
        """Those of some tokens, by id, that give access to nothing any more."""
        live: set[str] = set()
        with self._catalog.read() as session:
            for begin in range(0, len(ids), IDS_PER_STATEMENT):
                found = select(ApiToken.id).where(
                    col(ApiToken.id).in_(ids[begin : begin + IDS_PER_STATEMENT]),
                    col(ApiToken.revoked_at).is_(None),
                )
                live.update(session.exec(found).all())
        return {*ids} - live

    def authenticate(self, token: str) -> Access | None:
        """What a token gives access to now; ``None`` when it gives none."""
        access = authenticate(self._catalog, token)
        if access is None:
            self._known.pop(_hash(token), None)
        else:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            self._known[_hash(token)] = (time.monotonic() + CACHE_SECONDS, access)
        return access


def bearer_token(authorization: str) -> str:
    """Return the token in an ``Authorization: Bearer`` header, or an empty string."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _hash(secret: str) -> str:
    # The secret is 256 random bits, so a fast hash is as good as a slow one.
    return hashlib.sha256(secret.encode()).hexdigest()
