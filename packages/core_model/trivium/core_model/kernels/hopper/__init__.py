"""The experts' products on Hopper in CUDA C++: `products` has the functions, `compiled` brings sources to the GPU.

Triton 3.6 neither shares what two blocks of a cluster read, nor lets one warpgroup copy while others multiply.
"""
