"""The library: what is kept, who may see it, what is done with it. Needs the extra `server`."""
