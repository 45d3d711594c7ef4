"""Trained networks for other programs: LiteRT, ONNX, OpenVINO and SavedModel.

Every export holds both rooms (feature map and logits), and says in its own metadata what it must
be fed and how an answer and a Grad-CAM map are made of its outputs.
"""
