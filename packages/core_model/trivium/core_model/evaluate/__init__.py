"""How good a model is: on plain text (`perplexity.py`), and on lm-evaluation-harness's tasks (`harness.py`)."""
