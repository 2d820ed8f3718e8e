"""Films to quality and findings: numbers and states, no language."""
