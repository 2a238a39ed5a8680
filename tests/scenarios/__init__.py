"""given / when / then: single activations of bodies, without engine, journal or loop."""
