"""Importers of facts from CSV, NDJSON and Parquet files, and from exports of Shopify."""

from graphql_app.audience.importers.format_detection import format_names
from graphql_app.audience.importers.pipeline import import_file
from graphql_app.audience.importers.report import BadRow, ImportReport, Progress

__all__ = ["BadRow", "ImportReport", "Progress", "format_names", "import_file"]
