#!/bin/sh
# Install Trivium from this bundle, without network: sh install.sh FOLDER. Lies in what `make bundle` packs.
# Makes FOLDER/.venv with the Python that the wheels are for; TRIVIUM_PYTHON names another one of that version.
set -eu

target=${1:?give the folder to install into, such as /opt/trivium}
cd "$(dirname "$0")"
version=$(cat python)
python=${TRIVIUM_PYTHON:-python$version}

if ! "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
    echo "this bundle needs Python $version, and $python is not one; install it, or name it with TRIVIUM_PYTHON" >&2
    exit 1
fi
"$python" - <<'CHECK'
import hashlib, pathlib, sys

for line in pathlib.Path("SHA256SUMS").read_text().splitlines():
    expected, _, name = line.partition("  ")
    path = pathlib.Path(name)
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        sys.exit(f"{name} is missing or damaged; copy the bundle again")
CHECK
case $target in /*) ;; *) target=$OLDPWD/$target ;; esac
if ! "$python" -m venv "$target/.venv"; then
    echo "$python cannot make virtual environments; on Debian or Ubuntu install python$version-venv" >&2
    exit 1
fi
"$target/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --isolated --no-index --find-links wheels \
    -c constraints.txt "trivium[$(cat extras)]"
echo "Installed; start it with: $target/.venv/bin/trivium up"
