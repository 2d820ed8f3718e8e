"""Clouds and detected objects as tokens for the core, each by a `trivium.core_model.encoder.ModalityEncoder`."""
