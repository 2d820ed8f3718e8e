"""Draft radiology reports that show their evidence, and a workflow in which only a person signs."""
