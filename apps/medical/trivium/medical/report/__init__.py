"""A draft to files: JSON for programs, text for people."""
