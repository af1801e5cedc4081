"""The exact loops: Gaussians, a mixture and linear regression, where theory says what must come."""
