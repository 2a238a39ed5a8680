"""Keys, and what is stored by them: nothing of it is readable, all of it is, with the right key."""
