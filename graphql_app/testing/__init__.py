"""Check criteria in plugins' tests: ``check_criterion(MyCriterion, examples=[...])``."""

from graphql_app.testing.check import check_criterion, findings
from graphql_app.testing.findings import CriterionCheckError, Finding, report

__all__ = ["CriterionCheckError", "Finding", "check_criterion", "findings", "report"]
