"""The network, as two rooms: backbone (scan to feature map) and head (feature map to logits).

The only package that imports TensorFlow or Keras, and only inside the modules that need them.
"""
