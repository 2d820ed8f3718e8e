"""Predictions as CSV rows, models as cards."""
