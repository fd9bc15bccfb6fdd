"""Cancellation of a request's work, which runs in a thread and executes statements."""

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol


class WorkCancelledError(Exception):
    """The work was cancelled: nobody waits for its result anymore."""


class Store(Protocol):
    def kill_statements(self, name: str) -> None:
        """Kill the running statements whose log comment is ``name``."""


@dataclass(eq=False, slots=True)
class Cancellation:
    """A switch that cancels one request's work, and a count of the statements it has begun.

    ``name`` is the log comment of the statements, by which ``stores`` find and kill them.
    """

    name: str = field(default_factory=lambda: secrets.token_hex(16))
    cancelled: bool = False
    statements: int = 0
    stores: set[Store] = field(default_factory=set)

    def begin_statement(self, store: Store) -> dict[str, str]:
        """Count a statement and return its settings; raise ``WorkCancelledError`` if cancelled."""
        self.stores.add(store)
        self.statements += 1
        if self.cancelled:
            raise WorkCancelledError
        return {"log_comment": self.name}

    def cancel(self) -> None:
        """Kill the running statement, and refuse to begin another one."""
        self.cancelled = True
        for store in [*self.stores]:
            store.kill_statements(self.name)


# Set in threads whose work can be cancelled.
current_cancellation: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)
