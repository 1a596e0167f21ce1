#!/usr/bin/env python3
"""The specification's verification script, the same as `nexus verify`."""

import sys

from data_nexus.cli.main import main

if __name__ == "__main__":
    main(["verify", *sys.argv[1:]])
