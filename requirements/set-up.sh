#!/bin/sh
# Makes .venv when there is none, installs one lock file into it, hash by hash, then Informer itself.
# Usage: sh requirements/set-up.sh requirements/run.lock. PYTHON=/path/to/python3 chooses the Python.
set -eu

lock=$1
venv=.venv

stop() {
    echo "set-up: $*" >&2
    exit 1
}

# The first Python >= 3.11 that can make an environment. Those the locked wheels are built for
# (3.11 to 3.14) come before a newer one.
find_python() {
    incomplete=
    for newest in 15 99; do
        for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
            "$python" -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, $newest))" \
                2>/dev/null || continue
            if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
                echo "$python"
                return
            fi
            incomplete=$python
        done
    done
    if [ -n "$incomplete" ]; then
        stop "$incomplete cannot make a virtual environment; on Debian: sudo apt-get install python3-venv"
    fi
    stop "needs Python >= 3.11, found $(${PYTHON:-python3} --version 2>/dev/null || echo none)"
}

if [ "$(uname -sm)" = "Darwin x86_64" ]; then
    stop "JAX has no build for Intel Macs any more; use an Apple silicon Mac or Linux"
fi

if ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making $venv with $("$python" --version)"
    rm -rf $venv
    "$python" -m venv $venv
fi

# The lock names everything, so nothing is resolved: some versions of pip would look for a newer
# `coverage[toml]` than the one that is locked. PySpark comes as plain Python and Java alone, which
# pip has to pack itself.
$venv/bin/python -m pip install --disable-pip-version-check --only-binary :all: \
    --no-binary pyspark --no-deps --require-hashes -r "$lock"
$venv/bin/python -m pip check --disable-pip-version-check
# No isolation: the build backend is in the lock too, so nothing floats.
$venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps \
    --no-build-isolation -e .
