"""Identifiers that are left behind the door: planted in generated DICOM files, looked for in everything written.

    python benchmarks/medical_deid.py --seed 1

Each file has more than 110 planted identifiers of its own (header, sequences, private elements, overlays, comments of
compressed streams, bits beside the image, text in the pixels; tests/medical/intake/planting.py). All files go through
the door of a deployment with an embedded broker and a log at DEBUG; the worker's own code drafts on some of them. Then
every byte of the deployment is searched: blobs (unpacked), their names, database, broker's log, our log, drafts.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parent.parent))
from setting import arguments, setting, verdict
from tests.medical.intake.planting import Planted, found_in, planted_file, searched


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--drafts", type=int, default=20, help="films that a draft is made on")
    given = parser.parse_args()
    print(setting(("pydicom", "numpy", "scipy"), given.seed))
    files = [planted_file(given.seed * 100_000 + number) for number in range(given.files)]
    secrets = {secret: place for one in files for place, secret in one.secrets.items()}
    counts = [len(one.secrets) for one in files]
    burned = [one for one in files if one.ink.any()]
    print(f"{given.files} files, {min(counts)} to {max(counts)} identifiers each, {len(secrets):,} in all")
    in_bytes = found_in(b"\n".join(one.data for one in files), secrets)
    print(f"{len(in_bytes):,} of them stand in the files as plain bytes; {len(burned)} are drawn into pixels")
    with tempfile.TemporaryDirectory() as folder:
        key = hashlib.sha256(f"medical_deid {given.seed}".encode()).digest()
        covered, mapped, drafted = take_in(Path(folder), files, given.drafts, base64.b64encode(key).decode())
        written = everything_written(Path(folder))
    # New UIDs are keyed hashes in decimal digits: among thousands of them, eight digits are some date by chance.
    left = found_in(re.sub(rb"2\.25\.\d{30,39}", b"", written), secrets)
    print(f"{len(written) / 1e6:.0f} MB written; {drafted} drafts; study UIDs that lead back: {mapped} of {len(files)}")
    for secret in sorted(left):
        at = next((written.find(form) for form in searched(secret) if form in written), 0)
        print(f"  left: {secrets[secret]}, in {written[max(at - 30, 0) : at + 40]!r}")
    print(f"drawn texts covered whole: {covered} of {len(burned)}")
    is_clean = not left and covered == len(burned) and mapped == len(files)
    return verdict(is_clean, f"{len(left) + len(burned) - covered} of {len(secrets):,} identifiers left (0)")


def take_in(home: Path, files: list[Planted], num_drafts: int, key: str) -> tuple[int, int, int]:
    """Return how many drawn texts are covered, studies whose UID is found again, and drafts made."""
    import pydicom
    from sqlalchemy import select

    from trivium.medical import tables, tasks
    from trivium.medical.app import SPEC
    from trivium.medical.intake.door import receive
    from trivium.medical.intake.vault import open_vault
    from trivium.medical.workflow.studies import images
    from trivium.service import logs, migrate
    from trivium.service.broker import EmbeddedBroker
    from trivium.service.runner import JobContext
    from trivium.service.runtime import open_runtime
    from trivium.service.settings import Settings

    settings = Settings(home=home, log_level="DEBUG", medical_key=key)
    settings.prepare_home()
    logs.configure("DEBUG", file=home / "logs" / "deid.log")
    broker = EmbeddedBroker(home)
    broker.start()
    runtime = open_runtime(settings, apps=(SPEC,))
    migrate.upgrade(runtime.database)
    vault, row = open_vault(settings), tables.identity
    covered = mapped = drafted = 0
    for one in files:
        study_id = receive(runtime, vault, one.data, brought_by="benchmark", language="en").study_id
        with runtime.database.read() as connection:
            film = images(connection, study_id)[0]
            sealed = connection.execute(select(row).where(row.c.study_id == study_id)).one()
        mapped += vault.open(study_id, (sealed.key_id, sealed.nonce, sealed.sealed))["study_uid"] == one.study_uid
        if one.ink.any():
            clean = pydicom.dcmread(io.BytesIO(runtime.store.read(film.sha256)))
            covered += clean.pixel_array[one.ink].max() < 3900 >> (12 - clean.BitsStored)
    for job in runtime.jobs.recent(app="medical")[:num_drafts]:
        claimed = runtime.jobs.claim(job.id, "benchmark")
        tasks.draft_study(JobContext(claimed, runtime.store, runtime.jobs), runtime, models=tasks._models())
        drafted += 1
    runtime.close()
    broker.stop()
    return int(covered), mapped, drafted


def everything_written(home: Path) -> bytes:
    parts = []
    for path in sorted(home.rglob("*")):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        parts += [str(path).encode(), gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data]
    return b"\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
