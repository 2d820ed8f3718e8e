"""Training on several devices, applied to a model from outside: experts spread over ranks, the rest sharded."""
