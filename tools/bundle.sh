#!/bin/sh
# Pack what a machine without network needs: wheels of everything, constraints, the installer, sums of all files.
# Run by `make bundle`; takes the extras to pack, such as finance,plant. Needs .venv/, and the network or a local mirror.
# Weights that ship lie in our own wheel. The bundle fits machines of this kind with this minor version of Python.
set -eu

extras=${1:?give the extras to pack, such as all or finance}
python=.venv/bin/python

kind=$($python -c 'import sys, sysconfig; print("cp%d%d-%s" % (*sys.version_info[:2], sysconfig.get_platform()))')
release=$($python -c 'from importlib.metadata import version; print(version("trivium"))')
name=trivium-$release-$kind
folder=dist/$name

echo "Packing trivium[$extras] for $kind into $folder.tar"
rm -rf "$folder" "$folder.tar"
mkdir -p "$folder/wheels"
# deepspeed is built from source: as plain Python, without compiling its operators.
DS_BUILD_OPS=0 $python -m pip wheel --quiet --disable-pip-version-check -c constraints.txt -w "$folder/wheels" ".[$extras]"
cp constraints.txt LICENSE THIRD_PARTY.md "$folder/"
cp tools/install_offline.sh "$folder/install.sh"
printf '%s\n' "$extras" >"$folder/extras"
$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' >"$folder/python"
$python - "$folder" <<'SUMS'
import hashlib, pathlib, sys

folder = pathlib.Path(sys.argv[1])
files = sorted(path for path in folder.rglob("*") if path.is_file())
lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files]
(folder / "SHA256SUMS").write_text("".join(lines))
SUMS
tar -C dist -cf "$folder.tar" "$name"
rm -rf "$folder"
echo "Done, $(du -m "$folder.tar" | cut -f1) MiB. There: tar xf $name.tar && sh $name/install.sh /opt/trivium"
