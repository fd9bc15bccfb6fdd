"""The Prometheus metrics.

Every label has a fixed set of values: no label holds text that a client sent, or a shop.
"""

from functools import partial
from importlib.metadata import version
from platform import python_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        histogram = partial(Histogram, buckets=BUCKETS, registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self.operations = histogram(
            "segments_operation_duration_seconds",
            "Duration of queries and mutations, by their first field.",
            ["kind", "field"],
        )
        self.answers = histogram(
            "segments_rule_duration_seconds",
            "Duration of evaluating rules, by the kind of result and its source: index; load (the "
            "index, after statements to load it); engine; shared (another request's result).",
            ["answer", "source"],
        )
        self.statements = histogram(
            "segments_statement_duration_seconds",
            "Duration of a request's reading statements in the audience, with the wait for a "
            "connection.",
        )
        self.slow_rules = counter(
            "segments_slow_rules", "Rule evaluations that took longer than SLOW_RULE_SECONDS."
        )
        self.rows = counter(
            "segments_ingest_rows",
            "Rows that mutations wrote, by table, including rows that mark others as deleted.",
            ["fact"],
        )
        self.errors = counter(
            "segments_errors", "Errors sent to clients, including userErrors, by code.", ["code"]
        )
        self.connections = gauge("segments_websocket_connections", "Open WebSockets.")
        self.subscriptions = gauge("segments_subscriptions", "Open subscriptions.")
        self.build = Info(
            "segments_build",
            "Always 1; the labels are the versions of this package and of Python.",
            registry=self.registry,
        )
        self.build.info({"version": version("open-segments"), "python": python_version()})
        ProcessCollector(registry=self.registry)
