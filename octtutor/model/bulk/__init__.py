"""The same work on many scans: a batch at a time, in this process or on a cluster."""
