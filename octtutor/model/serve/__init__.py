"""A model in use: engines, predictor, shelf, library, the registry and which model is in use."""
