"""The preview separation network: songs, features, network, training. See README.md beside this file."""
