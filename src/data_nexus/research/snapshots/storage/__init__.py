"""Where a snapshot is stored: a folder of this machine, or a prefix of an object store."""
