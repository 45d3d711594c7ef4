"""The educators' tab Scans."""
