"""Numbers from a `Fleet`: features, models, probabilities and intervals. No language."""
