"""The command line on journals that engines made, while they run and after."""
