"""Made-up LiDAR frames with exact truth: streets and plants of analytic shapes, cast in torch on CPU or CUDA."""
