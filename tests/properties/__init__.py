"""What holds for every body: programs drawn at random, run by the real engine."""
