#!/usr/bin/env python3
"""The specification's command line, `discover|backfill|status`: the same as `nexus`."""

from data_nexus.cli.main import main

if __name__ == "__main__":
    main()
