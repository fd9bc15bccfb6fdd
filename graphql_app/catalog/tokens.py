"""API tokens: create, list, revoke and authenticate them."""

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

CACHE_SECONDS = 1.0
MAX_CACHED = 10_000
IDS_PER_STATEMENT = 1_000


@dataclass(frozen=True, slots=True)
class Access:
    """A request's access: the shop that its token belongs to, and the token's scopes."""

    shop: Shop
    scopes: frozenset[TokenScope]
    token_id: str = ""

    @property
    def shop_id(self) -> int:
        return stored_id(self.shop)


def create_token(catalog: Catalog, shop: Shop, scopes: Iterable[TokenScope], name: str = "") -> str:
    """Create a token and return its text, which cannot be read again."""
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
    """Return a shop's tokens, newest first."""
    with catalog.read() as session:
        found = select(ApiToken).where(ApiToken.shop_id == shop.id)
        return session.exec(found.order_by(col(ApiToken.created_at).desc())).all()


def revoke_token(catalog: Catalog, token_id: str) -> str:
    """Revoke a token, given its id or the whole token, and return its id."""
    token_text = TOKEN_PATTERN.fullmatch(token_id)
    with catalog.write() as session:
        token = session.get(ApiToken, token_text[1] if token_text else token_id)
        if token is None:
            # Do not repeat the argument: it may contain a secret.
            raise NotFoundError("token", "List the ids with `segments token list`.")
        token.revoked_at = token.revoked_at or now()
        session.add(token)
        return token.id


def authenticate(catalog: Catalog, token: str) -> Access | None:
    """Return the access that a token gives, or ``None`` if the token is invalid or revoked."""
    parts = TOKEN_PATTERN.fullmatch(token)
    if parts is None:
        return None
    token_id, secret = parts.groups()
    with catalog.read() as session:
        found = session.exec(
            select(ApiToken, Shop)
            .join(Shop, col(Shop.id) == col(ApiToken.shop_id))
            .where(ApiToken.id == token_id, col(ApiToken.revoked_at).is_(None))
        ).first()
    expected = found[0].secret_hash if found else _hash("")
    if not hmac.compare_digest(expected, _hash(secret)) or found is None:
        return None
    stored, shop = found
    return Access(shop, frozenset(TokenScope(scope) for scope in stored.scopes), stored.id)


class TokenCache:
    """A cache of authenticated tokens; one that any process revokes is rejected within a second."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._cached: dict[str, tuple[float, Access]] = {}

    def find_cached(self, token: str) -> Access | None:
        """Return the access of a token authenticated less than ``CACHE_SECONDS`` ago, if any."""
        expires_at, access = self._cached.get(_hash(token), (0.0, None))
        return access if time.monotonic() < expires_at else None

    def is_cached(self, token: str) -> bool:
        """Return whether a token's last authentication succeeded, even if that has expired."""
        return _hash(token) in self._cached

    def find_revoked(self, ids: Sequence[str]) -> set[str]:
        """Return those ``ids`` whose tokens are revoked or do not exist."""
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
        """Look a token up in the catalog and cache its access; return ``None`` if it has none."""
        access = authenticate(self._catalog, token)
        if access is None:
            self._cached.pop(_hash(token), None)
        else:
            if len(self._cached) >= MAX_CACHED:
                self._cached.clear()
            self._cached[_hash(token)] = (time.monotonic() + CACHE_SECONDS, access)
        return access


def bearer_token(authorization: str) -> str:
    """Return the token in an ``Authorization: Bearer`` header, or an empty string."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _hash(secret: str) -> str:
    # A fast hash is enough, because the secret is 256 random bits.
    return hashlib.sha256(secret.encode()).hexdigest()
