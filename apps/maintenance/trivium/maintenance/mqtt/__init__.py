"""Readings from an MQTT broker: Sparkplug B and plain JSON, into the same door as `POST /v1/batches`."""
