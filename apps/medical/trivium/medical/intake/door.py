"""One film at the door: split, stored under a pseudonym, entered in the worklist, handed to the model by id.

Whatever identifies the patient ends here: it is sealed in a table of its own, or discarded. Names of files are not
kept, for they hold names of people. A file that cannot be used is set aside with a reason; a film that is sent again
changes nothing. Runs in the web server, and knows no model.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from trivium.medical import tables
from trivium.medical.intake import pixels
from trivium.medical.intake.burned_in import cover_text
from trivium.medical.intake.deidentify import clean_pixels, deidentified, identity_of, new_uids
from trivium.medical.intake.priority import is_asked_for_at_once
from trivium.medical.intake.vault import Vault
from trivium.medical.parse.dicom import looks_like_dicom, open_dicom
from trivium.medical.parse.dicom_header import header_of
from trivium.medical.parse.picture import read_picture
from trivium.medical.records import Header
from trivium.medical.workflow.late import came_late
from trivium.medical.workflow.states import ReportState
from trivium.medical.workflow.studies import ROUTINE, STAT, images, sealed_identity
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.jobs import JobInput
from trivium.service.phrase import Phrase, pack
from trivium.service.runtime import Runtime

__all__ = ["FILMS_AT_ONCE", "Received", "ask_for_draft", "receive"]

FILMS_AT_ONCE = 2  # that one process takes in: each is decoded whole

_FILE = "the file"  # what messages call it: its own name may hold a patient's


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a file: its study, and whether film and study are new here."""

    study_id: str
    is_new_image: bool
    is_new_study: bool


@dataclass(frozen=True, slots=True)
class _Film:
    """A film without its identity: keys, facts, the file to keep, what the viewer draws, how many texts are covered,
    whether its header asks for it at once.

    `instance` holds the new UIDs of a DICOM file, as `tables.instance` names them; of a picture it is empty.
    `moved_day` is that of `Vault`, of the study's date.
    """

    study_key: str
    image_key: str
    pseudonym: str
    content: bytes
    display: pixels.Display
    header: Header
    side: str
    identity: dict[str, str]
    covered: int
    instance: dict[str, str]
    is_stat: bool = False
    moved_day: int | None = None


def receive(
    runtime: Runtime, vault: Vault, data: bytes, *, brought_by: str, language: str, is_stat: bool = False
) -> Received:
    """Take one file in.

    Args:
        brought_by: account of whoever brought it.
        language: of the draft.
        is_stat: whether whoever brings it asks for it at once; its header may, too.

    Raises:
        InputError: if it cannot be used; it is then in quarantine, with the reason.
    """
    try:
        film = _split(data, vault)
    except InputError as error:
        # What a library says in brackets may quote the header, and the header names people.
        quiet = InputError(_without_detail(error.what), where=error.where, hint=error.hint)
        _set_aside(runtime, data, quiet, brought_by)
        raise quiet from None
    kept = runtime.store.put(film.content)
    shown = runtime.store.put(film.display.data)
    blobs = (kept.sha256, shown.sha256)
    try:
        received = _enter(runtime, vault, film, blobs, brought_by, is_stat)
    except IntegrityError:  # two films of one new study at one moment: the other is there now
        received = _enter(runtime, vault, film, blobs, brought_by, is_stat)
    ask_for_draft(runtime, received.study_id, language=language)
    return received


def _enter(
    runtime: Runtime, vault: Vault, film: _Film, blobs: tuple[str, str], brought_by: str, is_stat: bool
) -> Received:
    """Enter a film in the worklist, in one transaction with its identity and its place in the audit log."""
    with runtime.database.write(is_durable=True) as connection:
        is_prior = _is_prior(connection, film)
        is_stat = (is_stat or film.is_stat) and not is_prior  # what was urgent then is not now
        study, entries = _found_study(connection, film), []
        is_new_study = study is None
        if study is not None and is_stat and study.priority != STAT:  # said later, it still counts
            row = tables.study
            connection.execute(update(row).where(row.c.id == study.id).values(priority=STAT))
            entries.append(Entry("study.stat", brought_by, "study", study.id))
        study_id = study.id if study else _add_study(runtime, connection, film, brought_by, is_stat, is_prior)
        is_new_image = _add_image(connection, study_id, film, *blobs)
        if is_new_image:
            _seal(runtime, connection, study_id, film, vault)
            detail = {
                "image": blobs[0], "is_new_study": is_new_study, "stat": is_stat, "texts_covered": film.covered,
            }  # fmt: skip
            entries.append(Entry("study.received", brought_by, "study", study_id, "", detail))
            if study is not None and came_late(connection, study):
                entries.append(Entry("film.late", brought_by, "study", study_id, "", {"state": str(study.state)}))
        runtime.audit.append(connection, *entries)
    return Received(study_id, is_new_image, is_new_study)


def ask_for_draft(runtime: Runtime, study_id: str, *, language: str, after: str = "") -> None:
    """Submit the job of a study's draft, once for the films that it has; safe to call again at any time.

    Args:
        after: id of a job that ended without a draft, to have another one in its place.
    """
    row = tables.study
    with runtime.database.read() as connection:
        study = connection.execute(select(row).where(row.c.id == study_id)).one()
        films = images(connection, study_id)
    if not runtime.settings.medical_drafts or study.draft_state == "off":
        return
    inputs = [_input(runtime, one) for one in films]
    job = runtime.jobs.submit(
        app="medical",
        kind="draft",
        owner=study.received_by,
        request={"study": study_id, "language": language},
        inputs=inputs,
        title=f"{study_id} ({len(films)})",
        idempotency_key=f"draft-{study_id}-{len(films)}" + (f"-after-{after}" if after else ""),
    )
    if job.id != study.job_id:
        with runtime.database.write() as connection:
            connection.execute(update(row).where(row.c.id == study_id).values(job_id=job.id))


def _input(runtime: Runtime, film: Row[Any]) -> JobInput:
    return JobInput(f"film-{film.position}", film.sha256, runtime.store.keep(film.sha256).size)


def _without_detail(what: str) -> str:
    """Return a message without what stands in brackets."""
    parts = what.values if isinstance(what, Phrase) and "detail" in what.values else {"what": what}
    return parts["what"] if isinstance(parts["what"], Phrase) else str(parts["what"]).partition(" (")[0]


def _split(data: bytes, vault: Vault) -> _Film:
    if not data:
        raise InputError("is empty", where=_FILE, hint="export the film again")
    if looks_like_dicom(data):
        return _split_dicom(data, vault)
    film, _, bits, _ = read_picture(_FILE, data)
    values = np.rint(film * (255 if bits <= 8 else 65535)).astype(np.uint8 if bits <= 8 else np.uint16)
    values, boxes = cover_text(values)
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")  # written anew: nothing but pixels is in it
    content = out.getvalue()
    key = vault.digest("picture", hashlib.sha256(content).hexdigest())
    return _Film(key, key, f"{key[:20]}", content, pixels.of_picture(values), Header(), "", {}, len(boxes), {})


def _split_dicom(data: bytes, vault: Vault) -> _Film:
    dataset, stored = open_dicom(_FILE, data)
    identity = identity_of(dataset)
    image_uid, study_uid = str(dataset.get("SOPInstanceUID") or ""), identity.get("study_uid", "")
    if not image_uid or not study_uid:
        raise InputError("has no UID of study or image", where=_FILE, hint="export it as DICOM again")
    stored, boxes = clean_pixels(dataset, stored)
    content = deidentified(dataset, stored, vault)
    try:
        display = pixels.of_dicom(dataset, stored)
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        what = Phrase("{what} ({detail})", what="the tables of the header cannot be applied", detail=error)
        raise InputError(what, where=_FILE) from error
    number = identity.get("patient_id") or f"study {study_uid}"
    pseudonym = vault.pseudonym(number, identity.get("issuer", ""))
    return _Film(
        study_key=vault.digest("study", study_uid),
        image_key=vault.digest("image", image_uid),
        pseudonym=pseudonym,
        content=content,
        display=display,
        header=header_of(dataset),
        side=_side(str(dataset.get("ImageLaterality") or "")),
        identity={**identity, **_original_uids(vault, image_uid, str(dataset.get("SeriesInstanceUID") or ""))},
        covered=len(boxes),
        instance=new_uids(dataset, vault),
        is_stat=is_asked_for_at_once(dataset),
        moved_day=vault.moved_day(pseudonym, identity.get("study_date", "")),
    )


def _original_uids(vault: Vault, image_uid: str, series_uid: str) -> dict[str, str]:
    """Return the way back from our UIDs to those that an archive knows."""
    return {f"image_uid {vault.uid(image_uid)}": image_uid, f"series_uid {vault.uid(series_uid)}": series_uid}


def _side(text: str) -> str:
    return text if text in ("L", "R", "B") else ""


def _found_study(connection: Connection, film: _Film) -> Row[Any] | None:
    """Return the study of the film if it is here."""
    row = tables.study
    return connection.execute(select(row).where(row.c.study_key == film.study_key).with_for_update()).first()


def _is_prior(connection: Connection, film: _Film) -> bool:
    """Whether the film's study was asked for to be compared with."""
    row = tables.prior
    return connection.execute(select(row.c.study_key).where(row.c.study_key == film.study_key)).first() is not None


def _add_study(
    runtime: Runtime, connection: Connection, film: _Film, brought_by: str, is_stat: bool, is_prior: bool
) -> str:
    study_id = secrets.token_hex(8)
    header = film.header
    age = header.age_years
    is_drafted = runtime.settings.medical_drafts and not is_prior
    connection.execute(
        insert(tables.study).values(
            id=study_id, study_key=film.study_key, pseudonym=film.pseudonym, received_by=brought_by,
            arrived_at=utc_now(), priority=STAT if is_stat else ROUTINE, modality=_short(header.modality),
            view=_view(header), sex=header.sex if header.sex in ("M", "F", "O") else "",
            age_years=None if age is None else min(float(int(age)), 90.0), state=ReportState.DRAFT,
            is_closed=is_prior, draft_state="waiting" if is_drafted else "off",
            moved_day=None if runtime.settings.medical_identity == "discard" else film.moved_day,
        )
    )  # fmt: skip
    return study_id


def _add_image(connection: Connection, study_id: str, film: _Film, sha256: str, pixels_sha256: str) -> bool:
    row, display = tables.image, film.display
    is_known = select(row.c.id).where(row.c.study_id == study_id, row.c.image_key == film.image_key)
    if connection.execute(is_known).first() is not None:
        return False
    last = select(func.coalesce(func.max(row.c.position), 0)).where(row.c.study_id == study_id)
    row_mm, column_mm = display.spacing_mm or (None, None)
    made = connection.execute(
        insert(row).values(
            study_id=study_id, position=connection.execute(last).scalar_one() + 1, image_key=film.image_key,
            sha256=sha256, pixels_sha256=pixels_sha256, columns=display.columns, rows=display.rows,
            bits=display.bits, is_inverted=display.is_inverted, window_center=display.center,
            window_width=display.width, row_mm=row_mm, column_mm=column_mm, spacing=display.spacing,
            view=_view(film.header), side=film.side, texts_covered=film.covered,
        )
    )  # fmt: skip
    if film.instance:
        assert made.inserted_primary_key is not None
        values = {"image_id": made.inserted_primary_key[0], **film.instance}
        connection.execute(insert(tables.instance).values(**values))
    return True


def _seal(runtime: Runtime, connection: Connection, study_id: str, film: _Film, vault: Vault) -> None:
    """Keep the identity encrypted beside the study, unless the site keeps none; a further film adds its UID."""
    if runtime.settings.medical_identity == "discard" or not film.identity:
        return
    row, held = tables.identity, sealed_identity(connection, study_id)
    before = vault.open(study_id, held) if held else {}
    key_id, nonce, sealed = vault.seal(study_id, {**film.identity, **before})
    values = {"key_id": key_id, "nonce": nonce, "sealed": sealed}
    if held:
        connection.execute(update(row).where(row.c.study_id == study_id).values(**values))
    else:
        connection.execute(insert(row).values(study_id=study_id, **values))


def _set_aside(runtime: Runtime, data: bytes, error: InputError, brought_by: str) -> None:
    """Record that a file could not be used; of its content only the hash is kept."""
    sha256 = hashlib.sha256(data).hexdigest()
    values = {"sha256": sha256, "size": len(data), "reason": pack(error.line)}
    with runtime.database.write(is_durable=True) as connection:
        connection.execute(insert(tables.quarantine).values(**values, brought_by=brought_by, at=utc_now()))
        told = {"reason": error.line, "size": len(data)}
        runtime.audit.append(connection, Entry("film.quarantined", brought_by, "film", sha256, "", told))


def _view(header: Header) -> str:
    return header.view if header.view in ("PA", "AP", "LATERAL", "OBLIQUE", "DECUBITUS") else ""


def _short(text: str | None) -> str:
    return text if text in ("CR", "DX", "RG", "DR", "RF", "SC", "OT") else ""
