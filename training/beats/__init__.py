"""The beat tracker's small weights: a groove synthesiser of known truth, and the fit. See README.md beside this file."""
