"""The testing kit, tried as its users would: sagas with a bug, and the same without."""
