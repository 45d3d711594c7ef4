"""Reader statistics: arrays in, figures with intervals out."""
