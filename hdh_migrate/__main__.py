"""`python -m hdh_migrate` is the `hdh-migrate` command."""

from hdh_migrate.cli.start import main

if __name__ == "__main__":
    main()
