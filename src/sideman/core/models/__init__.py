"""Network weights: their cards, checkpoints, a graph in our own words, the runtimes that run it, and which ones stay in memory."""
