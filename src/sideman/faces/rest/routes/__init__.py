"""Routes of /api/v1, one module per noun. Each translates and calls one use case."""
