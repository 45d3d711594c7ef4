"""The network: backbones and heads, weights in and out, preprocessing, card and folder."""
