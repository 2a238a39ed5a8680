"""The deploy gate: histories as files, replays of them in tests, and journals against new code."""
