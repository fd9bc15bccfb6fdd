"""Files of facts: CSV, NDJSON and Parquet, and the exports of Shopify."""

from graphql_app.audience.importers.importing import FORMATS, import_file
from graphql_app.audience.importers.report import BadRow, ImportReport, Progress

__all__ = ["FORMATS", "BadRow", "ImportReport", "Progress", "import_file"]
