"""Stage 2: numbers and findings, no language. Every number is a `Value` that knows where it comes from."""
