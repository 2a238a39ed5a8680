"""Programs by the thousand: one generator, driven by Hypothesis (which shrinks) or by a seed."""
