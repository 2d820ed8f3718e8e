"""Geometry in torch: CPU and CUDA, fp32 and fp64, no operator of our own."""
