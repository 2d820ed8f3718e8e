"""Points to boxes: dynamic pillars, a dense network seen from above, a centre head. Pure torch, CPU and CUDA."""
