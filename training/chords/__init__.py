"""The chord network's weights: labelled songs from a SoundFont and from oscillators, and the fit. See README.md beside this file."""
