"""The tests, and what they share. Each folder names what it tests."""
