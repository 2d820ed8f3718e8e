"""Points to boxes, tokens and deviations: readers, geometry, detector, simulator, evaluation."""
