"""Reading TOML that people write: its tables checked, every fault with its line."""
