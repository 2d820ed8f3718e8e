"""Filings of invented companies: valid inline XBRL with the traps of real ones, and the truth of every fact in them."""

from trivium.finance.samples.files import sample_truth, write_document_set, write_samples, write_statement_csv
from trivium.finance.samples.inline import TruthRow

__all__ = ["TruthRow", "sample_truth", "write_document_set", "write_samples", "write_statement_csv"]
