"""Scans come in: decode, import, audit, split by patient."""
