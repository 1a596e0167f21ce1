#!/bin/sh
# Resolves pyproject.toml into requirements.txt (what runs) and requirements-dev.txt (what builds,
# checks and tests it), for every platform and Python from 3.11 on. uv is used only here, from a
# venv that is thrown away.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch"
"$scratch/bin/pip" install --quiet --quiet --disable-pip-version-check uv

# No header, no annotations, no index: the files name packages and hashes, and no host. Pins that
# still fit are kept; to take the newest versions, remove both files first. What runs is pinned by
# what tests it, so that a version which a tool for tests cannot bear is in neither.
compile() {
    "$scratch/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate pyproject.toml "$@"
}
compile --output-file requirements-dev.txt --group dev
compile --output-file requirements.txt --constraint requirements-dev.txt
