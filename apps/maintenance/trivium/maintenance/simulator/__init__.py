"""A simulated plant: pumps, compressors and fans with a load, noise, weather, stops and faults that develop."""
