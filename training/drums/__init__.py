"""The drum transcription network's weights: clips of synthesised and SoundFont kits, and the fit. See README.md beside this file."""
