"""One of each kind of part that a package can add to autophagy."""
