"""Out-of-distribution (OOD): whether a picture is like the scans that a model learned from."""
