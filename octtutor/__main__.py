"""`python -m octtutor` is `octtutor`."""

from octtutor.cli import main

if __name__ == "__main__":
    main()
