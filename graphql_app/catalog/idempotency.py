"""Keys under which clients send batches of facts, so that they may send one again blindly."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta

from sqlmodel import col, delete, select

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import IdempotencyKey, now
from graphql_app.errors import AppError, ErrorCode

KEY_LIFETIME = timedelta(hours=24)
MAX_KEY_LENGTH = 255
PATH = ("idempotencyKey",)


def run_once(catalog: Catalog, shop_id: int, key: str, asked: str, work: Callable[[], int]) -> int:
    """Do work that says how many items it recorded, unless the key was used for it already.

    The caller holds the shop's write lock, so a concurrent request with the same key waits. The key
    is stored after the work: if the process dies in between, a retry does the work again.

    Args:
        catalog: Where keys are kept, for a day.
        shop_id: The shop.
        key: What the client calls its request.
        asked: What the client asks for, which must be the same with the same key.
        work: What to do; where it raises, the key is not used.

    Raises:
        AppError: INVALID or IDEMPOTENCY_KEY_REUSED.
    """
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise AppError(ErrorCode.INVALID, f"A key has 1 to {MAX_KEY_LENGTH} characters.", PATH)
    # Only who knows the key could try out what was asked: it may have been few contacts' ids.
    secret = key.encode(errors="surrogatepass")
    name = hashlib.sha256(secret).hexdigest()
    fingerprint = hmac.digest(secret, asked.encode(errors="surrogatepass"), "sha256").hex()
    own = (col(IdempotencyKey.shop_id) == shop_id, col(IdempotencyKey.key_hash) == name)
    fresh = col(IdempotencyKey.created_at) > now() - KEY_LIFETIME
    with catalog.read() as session:
        found = session.exec(select(IdempotencyKey).where(*own, fresh)).first()
    if found is not None:
        if not hmac.compare_digest(found.fingerprint, fingerprint):
            raise AppError(
                ErrorCode.IDEMPOTENCY_KEY_REUSED,
                "This key was used for something else in the last 24 hours; nothing was recorded. "
                "Each batch needs a key of its own.",
                PATH,
            )
        return found.recorded
    recorded = work()
    with catalog.write() as session:
        old = col(IdempotencyKey.created_at) <= now() - KEY_LIFETIME
        session.exec(delete(IdempotencyKey).where(col(IdempotencyKey.shop_id) == shop_id, old))
        session.add(
            IdempotencyKey(
                shop_id=shop_id, key_hash=name, fingerprint=fingerprint, recorded=recorded
            )
        )
    return recorded
