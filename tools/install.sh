#!/bin/sh
# Make .venv/ with the first Python that works (3.13, 3.12, 3.11) and install the project in it, tests included.
# Run by `make install`; asks for nothing and never for root. TRIVIUM_PYTHON names another interpreter.
set -eu

say() { printf '%s\n' "$*"; }

works() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    # A name on the path may be a shim without a Python behind it: run each before believing it.
    for candidate in ${TRIVIUM_PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if works "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

make_environment() {
    rm -rf .venv
    if "$1" -m venv .venv >/dev/null 2>&1; then return; fi
    rm -rf .venv
    if command -v uv >/dev/null 2>&1 && uv venv --quiet --seed --python "$1" .venv; then return; fi
    if command -v virtualenv >/dev/null 2>&1 && virtualenv --quiet --python "$1" .venv; then return; fi
    rm -rf .venv
    say "Python at $1 cannot make virtual environments; on Debian or Ubuntu type: sudo apt-get install python3-venv" >&2
    exit 1
}

is_current() {
    [ -x .venv/bin/python ] && works .venv/bin/python
}

if ! is_current; then
    if ! python=$(find_python); then
        say "Trivium needs Python 3.11, 3.12 or 3.13; on Debian or Ubuntu type: sudo apt-get install python3.11 python3.11-venv" >&2
        exit 1
    fi
    say "Making .venv with $("$python" --version) ($python)"
    make_environment "$python"
fi

say "Installing Trivium: about 220 MB to download the first time, 860 MB on disk"
if ! { [ -x .venv/bin/uv ] || .venv/bin/pip install --quiet --disable-pip-version-check uv; } ||
    ! .venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode -c constraints.txt -e '.[all,test]'; then
    say "uv could not install everything; going on with pip, which takes longer"
    .venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,test]'
fi
touch .venv/.installed
