"""How readings come in: from the bytes of a batch to rows with a verdict, durable before they are acknowledged.

envelope -> formats -> moments, numbers, quality, units -> assess -> door (Lua) -> stream -> scoring.drain
"""
