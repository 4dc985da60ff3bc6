"""Floor 3: what can be asked, one module per noun; paths and options in, files and values out."""
