"""Authentication and rate limits, applied before the server reads a request's body."""

from contextlib import AbstractAsyncContextManager, suppress
from ipaddress import IPv6Address, ip_address, ip_network
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, Semaphore
from starlette.requests import HTTPConnection

from graphql_app.errors import RateLimitedError, UnauthenticatedError
from graphql_app.http.rate_limiter import RateLimiter
from graphql_app.runtime.context import Context, parse_api_token
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings

MAX_UNKNOWN_LOOKUPS = 4  # concurrent catalog lookups of tokens that were not valid before
MAX_LARGE_BODIES = 4  # per token, in memory at once


class Admission:
    """Authentication of requests, under this process's rate limits."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._requests = RateLimiter(settings.rate_limit)
        self._failures = RateLimiter(settings.failure_limit)
        self._unknown_lookups = CapacityLimiter(MAX_UNKNOWN_LOOKUPS)
        self._large_bodies: WeakValueDictionary[str, Semaphore] = WeakValueDictionary()

    async def admit(self, authorization: str, address: str) -> Context:
        """Authenticate an operation, from its ``Authorization`` header and ``client_address``.

        Raises:
            UnauthenticatedError: The header has no valid token.
            RateLimitedError: The token exceeds RATE_LIMIT, or the address FAILURE_LIMIT.
        """
        if self._services.tokens.is_cached(parse_api_token(authorization)):
            context = await Context.admit(self._services, authorization)
        else:
            context = await self._admit_unknown(authorization, address)
        wait = self._requests.acquire(context.access.token_id)
        if wait:
            raise RateLimitedError("Too many requests with this token", wait)
        return context

    def limit_large_bodies(self, context: Context) -> AbstractAsyncContextManager[object]:
        """Return a semaphore to hold while the token's large body is in memory."""
        return self._large_bodies.setdefault(context.access.token_id, Semaphore(MAX_LARGE_BODIES))

    async def _admit_unknown(self, authorization: str, address: str) -> Context:
        """Look up a token that was not valid before, unless its address sent too many of them."""
        async with self._unknown_lookups:
            wait = self._failures.wait(address)
            if wait:
                raise RateLimitedError("Too many invalid tokens from your address", wait)
            try:
                return await Context.admit(self._services, authorization)
            except UnauthenticatedError:
                self._failures.acquire(address)
                raise


def client_address(connection: HTTPConnection) -> str:
    """Return the client's address; for IPv6 its /64, since one client usually controls all of it.

    An IPv4 address that a proxy writes as IPv6 (``::ffff:1.2.3.4``) is returned as IPv4.
    """
    host = connection.client.host if connection.client else ""
    with suppress(ValueError):
        address = ip_address(host)
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped:
                return str(address.ipv4_mapped)
            return str(ip_network(f"{host}/64", strict=False))
    return host
