"""The dense parts of a decoder block: attention in two forms, rotary positions, norm, feed-forward, caches."""
