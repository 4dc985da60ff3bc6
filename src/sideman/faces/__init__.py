"""Floor 4: faces translate between people or programs and the app layer, nothing more."""
