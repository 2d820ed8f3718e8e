"""Text for training: documents to memory-mapped token files (`tokens.py`), and those to packed rows (`packing.py`)."""
