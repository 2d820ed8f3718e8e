"""The door for films: identity is taken off and locked away before anything else touches the pixels."""
