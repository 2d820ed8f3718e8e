"""Scan against CAD: where a part deviates from its drawing, how sure that is, and what was not seen."""
