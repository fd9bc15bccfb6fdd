"""Files of facts: CSV, NDJSON and Parquet, and the exports of Shopify."""

from graphql_app.audience.importers.pipeline import formats, import_file
from graphql_app.audience.importers.report import BadRow, ImportReport, Progress

__all__ = ["BadRow", "ImportReport", "Progress", "formats", "import_file"]
