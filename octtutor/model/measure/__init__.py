"""What a model is worth: evaluation, comparison, robustness, label issues, maps measured."""
