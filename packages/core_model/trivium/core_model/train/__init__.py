"""Train a decoder on text, on one device: `python -m trivium.core_model.train CONFIG`, or `trivium train CONFIG`.

`loop.py` knows steps, `text.py` knows what is learned, `optimizer.py`, `schedule.py`, `state.py` and `log.py` one
thing each. docs/training.md says how to use it.
"""
