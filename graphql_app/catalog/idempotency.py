"""Idempotency keys, which let clients retry a batch of facts safely."""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import timedelta

from sqlmodel import col, delete, select

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import IdempotencyKey, now
from graphql_app.errors import AppError, ErrorCode

KEY_LIFETIME = timedelta(hours=24)
MAX_KEY_LENGTH = 255
PATH = ("idempotencyKey",)


def check_key(key: str) -> None:
    """Raise INVALID for an idempotency key of the wrong length."""
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        message = f"An idempotency key must have 1 to {MAX_KEY_LENGTH} characters."
        raise AppError(ErrorCode.INVALID, message, PATH)


def fingerprint_of(key: str, request: Iterable[str]) -> str:
    """Return a hash of a request, given as the pieces of its text.

    It is keyed, so that nobody without the key can guess the request, e.g. a contact's id.
    """
    made = hmac.new(_bytes(key), digestmod="sha256")
    for piece in request:
        made.update(_bytes(piece))
    return made.hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def run_once(
    catalog: Catalog, shop_id: int, key: str, fingerprint: str, work: Callable[[], int]
) -> int:
    """Run ``work`` unless the key was used before, and return how many items it recorded.

    The caller holds the shop's write lock, so a concurrent request with the same key waits. The key
    is stored after the work: if the process dies in between, a retry runs the work again.

    Args:
        catalog: The catalog, which stores a key for 24 hours.
        key: The client's idempotency key, checked by ``check_key``.
        fingerprint: The request's; see ``fingerprint_of``.
        work: Records the items and returns their number. If it raises, the key stays unused.

    Raises:
        AppError: IDEMPOTENCY_KEY_REUSED, the key was used for a different request.
    """
    key_hash = hashlib.sha256(_bytes(key)).hexdigest()
    own = (col(IdempotencyKey.shop_id) == shop_id, col(IdempotencyKey.key_hash) == key_hash)
    fresh = col(IdempotencyKey.created_at) > now() - KEY_LIFETIME
    with catalog.read() as session:
        found = session.exec(select(IdempotencyKey).where(*own, fresh)).first()
    if found is not None:
        if not hmac.compare_digest(found.fingerprint, fingerprint):
            raise AppError(
                ErrorCode.IDEMPOTENCY_KEY_REUSED,
                "This key was used for a different request in the last 24 hours; nothing was "
                "recorded. Send each batch with its own key.",
                PATH,
            )
        return found.recorded
    recorded = work()
    with catalog.write() as session:
        expired = col(IdempotencyKey.created_at) <= now() - KEY_LIFETIME
        session.exec(delete(IdempotencyKey).where(col(IdempotencyKey.shop_id) == shop_id, expired))
        session.add(
            IdempotencyKey(
                shop_id=shop_id, key_hash=key_hash, fingerprint=fingerprint, recorded=recorded
            )
        )
    return recorded
