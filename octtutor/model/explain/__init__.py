"""Where a network looked: the methods of explanation, their maps, and what these are worth."""
