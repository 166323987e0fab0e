"""The checker: finds the hazards of `docs/rules/` in source, and mends them."""
