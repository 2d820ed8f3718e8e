"""These tests need torch and open3d (extra `maintenance`)."""

import importlib.util

if importlib.util.find_spec("torch") is None or importlib.util.find_spec("open3d") is None:
    collect_ignore_glob = ["test_*.py"]
