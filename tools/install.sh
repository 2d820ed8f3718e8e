#!/bin/sh
# Make .venv/ with the first Python that works (3.13, 3.12, 3.11) and install the project in it.
# Run by `make install` and `make demo` with the extras to install; asks for nothing and never for root.
# TRIVIUM_PYTHON names another interpreter.
set -eu

extras=${1:?give the extras to install, such as all,test}

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

case "$extras" in
all*) say "Installing Trivium with its models: about 3.2 GB to download the first time, 6.3 GB on disk" ;;
*medical*) say "Installing Trivium with medical: about 3 GB to download the first time on Linux x86-64, less elsewhere, 6.5 GB on disk. APPS=finance needs 200 MB." ;;
*) say "Installing Trivium: about 200 MB to download the first time, 700 MB on disk" ;;
esac
# deepspeed is built from source: as plain Python, without compiling its operators.
export DS_BUILD_OPS=0
pip() { .venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt "$@"; }
# torch comes by pip, which finds wheels on a local disk or mirror where pip is set up for one; uv does not look there.
case "$extras" in all* | *medical*) pip torch ;; esac
if ! { [ -x .venv/bin/uv ] || pip uv; } ||
    ! .venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode -c constraints.txt -e ".[$extras]"; then
    say "uv could not install everything; going on with pip, which takes longer"
    pip -e ".[$extras]"
fi
