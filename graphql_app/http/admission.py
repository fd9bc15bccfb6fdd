"""Who may ask, and how often: what is decided of a request before anything is read of it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress
from ipaddress import IPv6Address, ip_address, ip_network
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, Semaphore
from starlette.requests import HTTPConnection

from graphql_app.errors import RateLimitedError, UnauthenticatedError
from graphql_app.http.rate_limiter import Rate
from graphql_app.runtime.context import Context, bearer_token
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings

STRANGERS = 4  # tokens that were never valid here and are looked up at once
LARGE = 4  # large bodies of a token that are in memory at once


class Admission:
    """Lets tokens in that are valid, as often as they may; what it counts is of this process."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._requests = Rate(settings.rate_limit)
        self._failures = Rate(settings.failure_limit)
        self._strangers = CapacityLimiter(STRANGERS)
        self._large: WeakValueDictionary[str, Semaphore] = WeakValueDictionary()

    async def admit(self, authorization: str, address: str) -> Context:
        """The context of an operation that begins now.

        Args:
            authorization: What was sent as the header ``Authorization``.
            address: Where it came from, see ``address_of``.

        Raises:
            UnauthenticatedError: There is no valid token in it.
            RateLimitedError: The token was used too often, or the address sent too many that were
                not valid.
        """
        if self._services.tokens.is_cached(bearer_token(authorization)):
            context = await Context.admit(self._services, authorization)
        else:
            context = await self._meet(authorization, address)
        wait = self._requests.take(context.access.token_id)
        if wait:
            raise RateLimitedError("The token was used too often", wait)
        return context

    def large(self, context: Context) -> AbstractAsyncContextManager[object]:
        """A place for one of a token's large bodies; others wait, of which nothing is read yet."""
        return self._large.setdefault(context.access.token_id, Semaphore(LARGE))

    async def _meet(self, authorization: str, address: str) -> Context:
        """As ``admit``; a token that was not valid here before costs a look into the catalog."""
        async with self._strangers:
            wait = self._failures.wait(address)
            if wait:
                raise RateLimitedError("Too many tokens from here were not valid", wait)
            try:
                return await Context.admit(self._services, authorization)
            except UnauthenticatedError:
                self._failures.take(address)
                raise


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from; of IPv6 the network of 64 bits, of which a client has it all."""
    host = connection.client.host if connection.client else ""
    with suppress(ValueError):
        address = ip_address(host)
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped:  # as some proxies write one; all of them are in one network
                return str(address.ipv4_mapped)
            return str(ip_network(f"{host}/64", strict=False))
    return host
