"""The engine on its journals: what a saga does, live, after a crash and after a change."""
