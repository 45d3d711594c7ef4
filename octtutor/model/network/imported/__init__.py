"""Architectures from elsewhere: a list of Keras's own layers, each checked, and no code."""
