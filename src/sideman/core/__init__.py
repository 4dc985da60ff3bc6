"""Floor 1: music and sound. Arrays in, values out; knows no database, web, cloud or settings."""
