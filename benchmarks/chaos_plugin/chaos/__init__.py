"""An app for the chaos benchmark, found through an entry point as any other: its jobs leave countable effects."""
