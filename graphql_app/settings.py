"""The settings, read from environment variables when a process starts."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from graphql_app.redaction import REDACTED, find_secrets

# Linux's memory limit of a container, in cgroup versions 2 and 1.
MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)

# The schemes of each store's URL, and an example of it.
STORE_URLS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "catalog_url": (
        ("sqlite:///", "postgresql+psycopg://"),
        "sqlite:////directory/catalog.sqlite3 or postgresql+psycopg://user:password@host/database",
    ),
    "audience_url": (("clickhousedb://",), "clickhousedb://user:password@host:8123/database"),
}

# A scheme and a host, as browsers send them.
ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?")


def _split(comma_separated: str) -> list[str]:
    return [part.strip() for part in comma_separated.split(",") if part.strip()]


def available_memory() -> int:
    """Return the bytes of memory of the machine, or of the container if it has fewer."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in MEMORY_LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            found.append(int(limit.read_text()))
    return min(found)


def format_value(value: object) -> str:
    """Format a setting's value as in an environment variable, with secrets redacted."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return REDACTED if value.get_secret_value() else ""
        case _:
            return str(value)


class Settings(BaseSettings):
    """The settings. Each has an environment variable of its name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(Path("data"), description="Directory of the embedded stores' files.")
    catalog_url: str = Field(
        "",
        repr=False,
        description="SQLAlchemy URL of a PostgreSQL catalog; by default SQLite in DATA_DIR.",
    )
    audience_url: str = Field(
        "",
        repr=False,
        description="clickhousedb:// URL of a ClickHouse server; by default an embedded engine in "
        "DATA_DIR.",
    )
    audience_cluster: str = Field(
        "",
        pattern="^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="Name of the ClickHouse cluster to spread the audience over. Experimental: "
        "quorum, change feed and sharding have only been tested on stand-ins, never on a real "
        "cluster.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Server processes. More than one needs AUDIENCE_URL and excludes metrics.",
    )
    drain_seconds: float = Field(
        0, ge=0, description="Seconds between SIGTERM (when /ready starts failing) and shutdown."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level to log: debug, info, warning or error."
    )
    log_format: Literal["text", "json"] = Field("text", description="Log format: text or json.")
    slow_rule_seconds: float = Field(
        1,
        ge=0,
        description="Seconds after which a rule is logged as slow, with its values redacted.",
    )
    metrics: bool = Field(
        False, description="Serve /metrics, without authentication unless METRICS_TOKEN is set."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Serve /metrics to clients that send this bearer token."
    )
    query_timeout: float = Field(30, gt=0, description="Maximum seconds for a statement.")
    query_memory: int = Field(
        4 * 1024**3, ge=1024**2, description="Maximum bytes of memory for a statement."
    )
    index_memory: int | None = Field(
        None,
        ge=0,
        description="Bytes of memory for the size index; 0 turns it off. By default a quarter of "
        "the available memory.",
    )
    query_concurrency: int = Field(4, ge=1, description="Maximum statements that run at once.")
    max_query_bytes: int = Field(
        262_144, ge=1024, description="Maximum bytes in a request body or a WebSocket message."
    )
    max_facts_bytes: int = Field(
        33_554_432,
        ge=1024,
        description="Maximum bytes in a request body if its token has the scope facts:write.",
    )
    rate_limit: int = Field(
        6_000,
        ge=0,
        description="Maximum operations per minute, per token and process; 0 means no limit.",
    )
    failure_limit: int = Field(
        60,
        ge=0,
        description="Maximum invalid tokens per minute, per client address and process; 0 means no "
        "limit.",
    )
    max_depth: int = Field(15, ge=1, description="Maximum depth of a query.")
    max_fields: int = Field(
        2_000, ge=1, description="Maximum fields in a query, with fragments expanded."
    )
    max_aliases: int = Field(
        100, ge=0, description="Maximum aliases in a query, with fragments expanded."
    )
    max_directives: int = Field(
        100, ge=0, description="Maximum directives in a query, with fragments expanded."
    )
    max_tokens: int = Field(5_000, ge=1, description="Maximum tokens in a query.")
    max_repeats: int = Field(
        20_000, ge=1, description="Maximum comparisons between fields that a query repeats."
    )
    max_cost: int = Field(
        10_000, ge=1, description="Maximum cost of a query; fields in a page count once per item."
    )
    cors_origins: str = Field(
        "",
        description="Comma-separated origins of other sites that may call the API from a browser; "
        "* allows all.",
    )
    read_timeout: float = Field(
        60, gt=0, description="Maximum seconds for a client to send a request body."
    )
    init_timeout: float = Field(
        10, gt=0, description="Maximum seconds for a WebSocket client to send connection_init."
    )
    max_operations: int = Field(50, ge=1, description="Maximum operations at once on a WebSocket.")
    max_sockets: int = Field(10_000, ge=1, description="Maximum open WebSockets, per process.")
    max_sockets_per_token: int = Field(
        1_000, ge=1, description="Maximum open WebSockets, per token and process."
    )
    introspection: bool = Field(True, description="Allow introspection and serve GraphiQL.")
    trusted_documents: Path | None = Field(
        None,
        description="JSON file of the only documents that clients may run; by default they may "
        "run any.",
    )
    strict_plugins: bool = Field(
        True,
        description="Refuse to start if a plugin cannot be used; otherwise start without it and "
        "log a warning.",
    )

    @field_validator(*STORE_URLS)
    @classmethod
    def _check_store_url(cls, value: str, info: ValidationInfo) -> str:
        schemes, example = STORE_URLS[str(info.field_name)]
        if value and not value.startswith(schemes):
            raise ValueError(f"this is not a URL of this store; write it as {example}")
        return value

    @model_validator(mode="after")
    def _check_cluster(self) -> Self:
        if self.audience_cluster and not self.audience_url:
            problem = "AUDIENCE_CLUSTER needs AUDIENCE_URL, the URL of one of the cluster's servers"
            raise ValueError(problem)
        return self

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: str) -> str:
        for origin in _split(value):
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin; write it as https://shop.example")
        return value

    @property
    def origins(self) -> list[str]:
        return _split(self.cors_origins)

    @property
    def serves_metrics(self) -> bool:
        return self.metrics or bool(self.metrics_token.get_secret_value())

    @property
    def secrets(self) -> frozenset[str]:
        """The secrets in the settings, which logs and messages redact."""
        token = self.metrics_token.get_secret_value()
        found = find_secrets(self.catalog_url) | find_secrets(self.audience_url)
        return found | {token} if token else found

    @property
    def index_bytes(self) -> int:
        return available_memory() // 4 if self.index_memory is None else self.index_memory

    @property
    def catalog(self) -> str:
        """The catalog's URL, even if it is embedded."""
        return self.catalog_url or f"sqlite:///{self.data_dir.resolve() / 'catalog.sqlite3'}"

    @property
    def audience(self) -> str:
        """The audience's URL, even if it is embedded."""
        path = self.data_dir.resolve() / "audience"
        return self.audience_url or f"clickhousedb://?interface=chdb&path={path}"
