"""Use cases: what a person does here. They get a store, a predictor, a clock, a generator."""
