#!/bin/sh
# Install a bundle where no network answers and read a filing with it: sh tools/prove_bundle.sh dist/trivium-*.tar
set -eu

bundle=${1:?give the bundle}
if [ $# -gt 1 ]; then
    echo "one bundle at a time, and here are $#" >&2
    exit 2
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
tar -C "$place" -xf "$bundle"

# A network of its own without a way out, where the system grants one; else proxies that nobody listens at.
alone=
if unshare --map-root-user --net true 2>/dev/null; then alone="unshare --map-root-user --net"; fi
export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 no_proxy= PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
export TRIVIUM_HOME="$place/home"
# The Python that made the bundle; its own name need not be on the path.
export TRIVIUM_PYTHON="${TRIVIUM_PYTHON:-$PWD/.venv/bin/python}"
$alone sh "$place"/trivium-*/install.sh "$place/there"
cd "$place"
$alone "$place/there/.venv/bin/python" -c '
import pathlib
from trivium.finance.samples import write_samples
print(*write_samples(pathlib.Path("samples")), sep="\n")' >files
$alone "$place/there/.venv/bin/trivium" finance metrics "$(grep -m1 -i "\.htm" files)" --out metrics.csv
grep -q '^[^,]*,.*revenue' metrics.csv
echo "Installed and read a filing without a network: $(wc -l <metrics.csv) lines of metrics"
