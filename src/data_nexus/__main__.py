"""Runs `python -m data_nexus`, the same as `nexus`."""

from data_nexus.cli.main import main

if __name__ == "__main__":
    main()
