"""The testing kit: what perdure.testing promises."""
