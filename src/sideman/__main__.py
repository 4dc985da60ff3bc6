"""python -m sideman: the command line."""

from sideman.faces.cli import main

if __name__ == "__main__":
    main()
