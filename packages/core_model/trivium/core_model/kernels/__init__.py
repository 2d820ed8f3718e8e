"""Triton kernels of the experts, and what is built of them; each has a plain-torch twin that tests compare it with.

Importing this package imports nothing; its modules need Triton, but for `support`, which says whether they can run. On
a machine without a GPU they run in Triton's interpreter (`TRITON_INTERPRET=1`), which is for tests.
"""
