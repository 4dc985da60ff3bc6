"""Analysis engines that people install or choose beside the default ones."""
