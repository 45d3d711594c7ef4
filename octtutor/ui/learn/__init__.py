"""The tab Learn, and the game at its end."""
