"""The finance app: filings in, key metrics and comparison reports out, every number traceable to its source."""
