"""Settings, from the environment, frozen at start-up."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from graphql_app.redaction import HIDDEN, secrets_in

# Where Linux says how much memory a container may have: control groups of version 2, and of 1.
MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


# Of the stores' URLs, how they may begin, and how they are written.
STORE_URLS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "catalog_url": (
        ("sqlite:///", "postgresql+psycopg://"),
        "sqlite:////directory/catalog.sqlite3 or postgresql+psycopg://user:password@host/database",
    ),
    "audience_url": (("clickhousedb://",), "clickhousedb://user:password@host:8123/database"),
}

# A scheme and a host, as browsers send them.
ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?")


def _split(listed: str) -> list[str]:
    return [item for item in (part.strip() for part in listed.split(",")) if item]


def memory() -> int:
    """Bytes of memory that the process may have: those of the machine, or of its container."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in MEMORY_LIMITS:
        with suppress(OSError, ValueError):  # not there, or "max"
            found.append(int(limit.read_text()))
    return min(found)


def as_set(value: object) -> str:
    """The value of a setting as one would write it; empty where there is none."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return HIDDEN if value.get_secret_value() else ""
        case _:
            return str(value)


class Settings(BaseSettings):
    """What an operator may set; each by the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(Path("data"), description="Where the embedded stores keep their files.")
    catalog_url: str = Field(
        "", repr=False, description="SQLAlchemy URL of the catalog; SQLite when empty."
    )
    audience_url: str = Field(
        "", repr=False, description="clickhousedb:// URL of the audience; embedded when empty."
    )
    audience_cluster: str = Field(
        "",
        pattern="^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="Cluster of ClickHouse servers that the audience is spread over, if it is.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that serve; more than one needs AUDIENCE_URL, and has no metrics.",
    )
    drain_seconds: float = Field(
        0, ge=0, description="Seconds from SIGTERM, when /ready begins to say no, to the stop."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="text for people, json for programs."
    )
    slow_rule_seconds: float = Field(
        1, ge=0, description="Seconds after which a rule is logged as slow, without its values."
    )
    metrics: bool = Field(
        False, description="Serve /metrics to whoever can reach the port, unless METRICS_TOKEN."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Serve /metrics to who sends it as a bearer token."
    )
    query_timeout: float = Field(30, gt=0, description="Seconds a statement may take.")
    query_memory: int = Field(
        4 * 1024**3, ge=1024**2, description="Bytes of memory a statement may use."
    )
    index_memory: int | None = Field(
        None,
        ge=0,
        description="Bytes of memory for the size index, 0 for none; a quarter of all when empty.",
    )
    query_concurrency: int = Field(4, ge=1, description="Statements that run at once.")
    max_query_bytes: int = Field(
        262_144, ge=1024, description="Largest body of a request, and message of a WebSocket."
    )
    max_facts_bytes: int = Field(
        33_554_432, ge=1024, description="Largest body of a request with the scope facts:write."
    )
    rate_limit: int = Field(
        6_000,
        ge=0,
        description="Operations a minute of a token, in each process; 0 for any number.",
    )
    failure_limit: int = Field(
        60,
        ge=0,
        description="Wrong tokens a minute of an address, in each process; 0 for any number.",
    )
    max_depth: int = Field(15, ge=1, description="Levels of a query.")
    max_fields: int = Field(2_000, ge=1, description="Fields of a query, fragments spread out.")
    max_aliases: int = Field(100, ge=0, description="Aliases of a query, fragments spread out.")
    max_directives: int = Field(
        100, ge=0, description="Directives of a query, fragments spread out."
    )
    max_tokens: int = Field(5_000, ge=1, description="Tokens of a query.")
    max_repeats: int = Field(
        20_000, ge=1, description="Comparisons of fields that a query names more than once."
    )
    max_cost: int = Field(10_000, ge=1, description="Cost of a query, pages multiplied.")
    cors_origins: str = Field(
        "",
        description="Origins of other sites whose pages may ask, separated by commas; * is all.",
    )
    read_timeout: float = Field(
        60, gt=0, description="Seconds in which the body of a request must have come."
    )
    init_timeout: float = Field(
        10, gt=0, description="Seconds in which a WebSocket must show its token."
    )
    max_operations: int = Field(50, ge=1, description="Operations at once on a WebSocket.")
    max_sockets: int = Field(10_000, ge=1, description="WebSockets at once, in each process.")
    max_sockets_per_token: int = Field(
        1_000, ge=1, description="WebSockets at once of a token, in each process."
    )
    introspection: bool = Field(
        True, description="Tell the schema to who asks for it, and serve GraphiQL."
    )
    trusted_documents: Path | None = Field(
        None, description="JSON file of the only documents that clients may run; any when empty."
    )
    strict_plugins: bool = Field(
        True,
        description="Refuse to start where a plugin cannot be used; else it is left out, and said.",
    )

    @field_validator(*STORE_URLS)
    @classmethod
    def _is_of_a_store(cls, value: str, info: ValidationInfo) -> str:
        schemes, form = STORE_URLS[str(info.field_name)]
        if value and not value.startswith(schemes):
            raise ValueError(f"this is no URL of such a store; write it as {form}")
        return value

    @model_validator(mode="after")
    def _spreads_a_server(self) -> Self:
        if self.audience_cluster and not self.audience_url:
            raise ValueError(
                "AUDIENCE_CLUSTER needs AUDIENCE_URL, of one of the cluster's servers: the "
                "embedded audience is in no cluster"
            )
        return self

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in _split(value):
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin; write it as https://shop.example")
        return value

    @property
    def origins(self) -> list[str]:
        """The origins of other sites whose pages may ask."""
        return _split(self.cors_origins)

    @property
    def serves_metrics(self) -> bool:
        """Whether /metrics is there."""
        return self.metrics or bool(self.metrics_token.get_secret_value())

    @property
    def secrets(self) -> frozenset[str]:
        """What nothing may show of the settings."""
        token = self.metrics_token.get_secret_value()
        found = secrets_in(self.catalog_url) | secrets_in(self.audience_url)
        return found | {token} if token else found

    @property
    def index_bytes(self) -> int:
        """Bytes of memory for the size index."""
        return memory() // 4 if self.index_memory is None else self.index_memory

    @property
    def catalog(self) -> str:
        """The catalog's URL."""
        return self.catalog_url or f"sqlite:///{self.data_dir.resolve() / 'catalog.sqlite3'}"

    @property
    def audience(self) -> str:
        """The audience's URL."""
        path = self.data_dir.resolve() / "audience"
        return self.audience_url or f"clickhousedb://?interface=chdb&path={path}"
