"""Work that is done in a thread for a request, and may be told to stop."""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol


class StoppedError(Exception):
    """The work was told to stop, since nobody waits for it any more."""


class Store(Protocol):
    """Where statements go on."""

    def end_statements(self, name: str) -> None:
        """End the statements of the work of that name, if any are going on."""


@dataclass(eq=False, slots=True)
class Work:
    """What is done in a thread for a request, which may be told to stop.

    Its statements bear its name in the engine, and are counted.
    """

    name: str = field(default_factory=lambda: secrets.token_hex(16))
    stopped: bool = False
    statements: int = 0
    stores: set[Store] = field(default_factory=set)

    def begins(self, store: Store) -> dict[str, str]:
        """The settings of a statement that it is about to execute.

        Raises:
            StoppedError: It was told to stop.
        """
        self.stores.add(store)
        self.statements += 1
        if self.stopped:
            raise StoppedError
        return {"log_comment": self.name}

    def stop(self) -> None:
        """Have it stop at its next statement, and end the one that is going on."""
        self.stopped = True
        for store in [*self.stores]:
            store.end_statements(self.name)


# The work that a thread does, if it may be told to stop.
WORK: ContextVar[Work | None] = ContextVar("work", default=None)
