"""What is counted and timed, as Prometheus collects it.

No label has more values than the code has names: none holds what a client sent, nor a shop.
"""

from __future__ import annotations

from importlib.metadata import version
from platform import python_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.operations = Histogram(
            "segments_operation_duration_seconds",
            "Queries and mutations, from their text to their answer, by their first field.",
            ["kind", "field"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.answers = Histogram(
            "segments_rule_duration_seconds",
            "Answers about rules: what was asked, and where the answer came from: index, load (the "
            "index after statements that it needed), engine, or shared (with who asked the same).",
            ["answer", "source"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.statements = Histogram(
            "segments_statement_duration_seconds",
            "Statements of the audience that requests read with, the wait for a connection too.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.slow_rules = Counter(
            "segments_slow_rules",
            "Answers about rules that took longer than SLOW_RULE_SECONDS.",
            registry=self.registry,
        )
        self.rows = Counter(
            "segments_ingest_rows",
            "Rows that mutations wrote, by table; those that mark others as deleted too.",
            ["fact"],
            registry=self.registry,
        )
        self.errors = Counter(
            "segments_errors",
            "Errors that clients were told, userErrors too, by code.",
            ["code"],
            registry=self.registry,
        )
        self.connections = Gauge(
            "segments_websocket_connections", "WebSockets that are open.", registry=self.registry
        )
        self.subscriptions = Gauge(
            "segments_subscriptions", "Subscriptions that are open.", registry=self.registry
        )
        self.build = Info(
            "segments_build",
            "1; the labels are the versions that run, of this and of Python.",
            registry=self.registry,
        )
        self.build.info({"version": version("open-segments"), "python": python_version()})
        ProcessCollector(registry=self.registry)
