"""Questions about a scene, answered through the core from tokens of detected objects."""
