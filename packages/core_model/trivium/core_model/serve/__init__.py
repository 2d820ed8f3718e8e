"""Serve many requests at once: pages for their caches, one decoding step for all of them, and who is in it when."""
