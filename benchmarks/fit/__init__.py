"""The judge's proof: right stems and deliberate errors for every annotated song, each song scored by weights learned from the others."""
