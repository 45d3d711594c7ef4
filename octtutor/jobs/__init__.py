"""Long work in its own process: start, follow, stop, resume; survives the page and the server."""
