"""The core's mixture of experts on sensor data: patches of rows become tokens. Needs torch."""
