"""Recipes of the small weights that Sideman ships. Never installed; needs `pip install -e .[training]`."""
