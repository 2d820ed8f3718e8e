"""Every changed, missing, inserted or moved row of a log is found, at every place, and named."""

import pytest
from sqlalchemy import insert, select, text

from trivium.service import migrate, tables
from trivium.service.audit import Audit, Entry
from trivium.service.audit_chain import HASHED, chain_hash
from trivium.service.audit_verify import FaultKind, Mark, _whole_segments, verify
from trivium.service.database import Database

COUNT = 200
COLUMNS = [column.name for column in tables.audit.columns]


def fill(database, count):
    entries = [Entry(f"a.{i % 3}", f"u{i % 7}", "job", f"j{i}", str(i % 5), {"i": i}) for i in range(count)]
    with database.write(is_durable=True) as connection:
        Audit(database).append(connection, *entries)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of 200 rows. Tests damage it inside a transaction that is rolled back."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('audit')}/trivium.db")
    migrate.upgrade(database)
    fill(database, COUNT)
    yield database
    database.close()


def fault_after(log, *statements, mark=None, parameters=None):
    """Return what is found wrong after some statements, which are undone; `read` rolls back what it is told."""
    with log.read() as connection:
        for statement in statements:
            assert connection.execute(text(statement), parameters or {}).rowcount
        return verify(connection, mark).fault


def all_rows(log):
    with log.read() as connection:
        return connection.execute(select(tables.audit).order_by(tables.audit.c.seq)).all()


def test_a_whole_log(log):
    with log.read() as connection:
        verdict = verify(connection)
    assert (verdict.seq, verdict.hash, verdict.fault) == (COUNT, all_rows(log)[-1].hash, None)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "seq"])
def test_any_changed_value_is_found_in_every_row(log, column):
    for seq in range(1, COUNT + 1):
        fault = fault_after(log, f"UPDATE service_audit SET {column} = {column} || '0' WHERE seq = {seq}")
        assert (fault.seq, fault.kind, fault.text) == (seq, FaultKind.CHANGED, f"row {seq} was changed")


def test_a_changed_number_is_found_in_every_row(log):
    for seq in range(1, COUNT + 1):
        away = fault_after(log, f"UPDATE service_audit SET seq = 1000 WHERE seq = {seq}")
        assert (away.seq, away.kind) == (seq, FaultKind.MISSING)
        before = fault_after(log, f"UPDATE service_audit SET seq = -5 WHERE seq = {seq}")
        assert (before.seq, before.kind) == (-5, FaultKind.INSERTED)


def test_a_missing_row_is_found_at_every_place_but_the_last(log):
    for seq in range(1, COUNT):
        fault = fault_after(log, f"DELETE FROM service_audit WHERE seq = {seq}")
        assert (fault.seq, fault.kind, fault.text) == (seq, FaultKind.MISSING, f"row {seq} is missing")


def test_a_missing_row_is_found_when_the_rest_is_numbered_anew(log):
    for seq in range(1, COUNT):
        gap = (f"DELETE FROM service_audit WHERE seq = {seq}", *_shift(seq + 1, -1))
        fault = fault_after(log, *gap)
        assert (fault.seq, fault.kind) == (seq, FaultKind.MISSING)
        assert fault.text == f"row {seq} was written as row {seq + 1}: those between are missing"


def test_rows_cut_off_are_found_against_a_head_at_every_place(log):
    mark = Mark(COUNT, all_rows(log)[-1].hash)
    for seq in range(1, COUNT + 1):
        cut = f"DELETE FROM service_audit WHERE seq >= {seq}"
        assert fault_after(log, cut) is None  # the chain alone cannot tell
        fault = fault_after(log, cut, mark=mark)
        assert (fault.seq, fault.kind) == (seq, FaultKind.MISSING)
        assert f"rows {seq} to {COUNT} are missing at the end" in fault.text


def test_two_rows_that_changed_places_are_found_everywhere(log):
    for seq in range(1, COUNT):
        swap = (
            f"UPDATE service_audit SET seq = -1 WHERE seq = {seq}",
            f"UPDATE service_audit SET seq = {seq} WHERE seq = {seq + 1}",
            f"UPDATE service_audit SET seq = {seq + 1} WHERE seq = -1",
        )
        fault = fault_after(log, *swap)
        assert (fault.seq, fault.kind) == (seq, FaultKind.REORDERED)


def test_a_row_put_in_is_found_everywhere(log):
    """The forger computes a right hash, so the row itself looks whole; what it pushed aside gives it away."""
    known = all_rows(log)
    for seq in range(1, COUNT + 1):
        prev_hash = known[seq - 2].hash if seq > 1 else "0" * 64
        forged = dict(known[seq - 1]._mapping) | {"actor": "mallory", "prev_hash": prev_hash}
        forged["hash"] = chain_hash("\n".join(str(forged[name]) for name in HASHED))
        with log.read() as connection:
            for statement in _shift(seq, 1):
                connection.execute(text(statement))
            connection.execute(insert(tables.audit).values(forged))
            fault = verify(connection).fault
        assert (fault.seq, fault.kind) == (seq + 1, FaultKind.INSERTED)
        assert fault.text == f"row {seq + 1} was written as row {seq}: one before it was put in"


def test_a_row_put_in_without_a_hash_of_its_own(log):
    with log.read() as connection:
        for statement in _shift(7, 1):
            connection.execute(text(statement))
        connection.execute(
            insert(tables.audit).values(dict(all_rows(log)[0]._mapping) | {"seq": 7, "actor": "mallory"})
        )
        fault = verify(connection).fault
    assert (fault.seq, fault.kind) == (7, FaultKind.INSERTED)
    assert fault.text == "row 7 was put in; what was written there is now row 8"


def test_a_row_written_anew_with_its_hash_breaks_the_link_after_it(log):
    known = all_rows(log)
    for seq in range(1, COUNT):
        fault = _rewritten(log, known, seq, seq)
        assert (fault.seq, fault.kind) == (seq + 1, FaultKind.CHANGED)


def test_a_log_written_anew_to_its_end_is_found_against_a_head(log):
    known = all_rows(log)
    for seq in (1, 2, 77, 150, COUNT):
        assert _rewritten(log, known, seq, COUNT) is None
        fault = _rewritten(log, known, seq, COUNT, mark=Mark(150, known[149].hash))
        if seq > 150:  # what came after the head is the next head's to prove
            assert fault is None
        else:
            assert (fault.seq, fault.kind) == (150, FaultKind.CHANGED)
            assert "written anew" in fault.text


def test_characters_moved_over_a_border_between_columns_are_found(log):
    """`u3` + `a.2` may not become `u` + `3a.2`, nor may a line feed stand for the border."""
    moved = "UPDATE service_audit SET actor = substr(actor, 1, 1), action = substr(actor, 2) || action WHERE seq = 9"
    assert fault_after(log, moved).seq == 9
    joined = "UPDATE service_audit SET actor = actor || char(10) || action, action = subject_kind, subject_kind = "
    joined += "subject_id, subject_id = subject_version, subject_version = '' WHERE seq = 9"
    assert fault_after(log, joined).seq == 9
    same_lines = "UPDATE service_audit SET actor = '', at = at || char(10) || actor WHERE seq = 9"
    assert fault_after(log, same_lines).seq == 9


@pytest.mark.parametrize("value", ["x'ff'", "CAST(x'ff61' AS TEXT)", "CAST(actor AS BLOB)"])
def test_what_is_no_text_is_found(log, value):
    """SQLite keeps any bytes in a column of text, and the driver refuses to read some of them."""
    for seq in (1, 120, COUNT):
        fault = fault_after(log, f"UPDATE service_audit SET actor = {value} WHERE seq = {seq}")
        assert (fault.seq, fault.kind) == (seq, FaultKind.CHANGED)


def test_an_empty_log(settings):
    settings.prepare_home()
    database = Database(settings.database)
    migrate.upgrade(database)
    with database.read() as connection:
        assert verify(connection).seq == 0
        assert verify(connection, Mark(0, "0" * 64)).fault is None
        assert verify(connection, Mark(3, "a" * 64)).fault.kind == FaultKind.MISSING
    database.close()


def test_pages_are_read_to_their_ends(log, monkeypatch):
    for size in (1, 7, COUNT - 1, COUNT, COUNT + 1):
        monkeypatch.setattr("trivium.service.audit_verify._PAGE", size)
        monkeypatch.setattr("trivium.service.audit_verify._BITE", max(size // 2, 1))
        with log.read() as connection:
            assert verify(connection).seq == COUNT
        assert fault_after(log, f"UPDATE service_audit SET actor = 'm' WHERE seq = {COUNT}").seq == COUNT


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the test runner's threads
def test_processes_side_by_side_find_what_one_finds_in_every_row(tmp_path, monkeypatch):
    monkeypatch.setattr("trivium.service.audit_verify._LEAST_ROWS", 5)
    database, count = Database(f"sqlite:///{tmp_path}/trivium.db"), 11  # two segments: 1-5, 6-11
    migrate.upgrade(database)
    fill(database, count)
    known = all_rows(database)
    mark = Mark(9, known[8].hash)
    with database.read() as connection:
        assert _whole_segments(connection, 2) == (11, known[-1].hash)
        assert verify(connection, mark, processes=2) == verify(connection)
        assert verify(connection, Mark(9, "0" * 64), processes=2).fault == verify(connection, Mark(9, "0" * 64)).fault
    for seq in range(1, count + 1):
        for damage in (
            "UPDATE service_audit SET detail = '{}'",
            "UPDATE service_audit SET hash = 'f'",
            "DELETE FROM service_audit",
        ):
            with database.write() as connection:
                connection.execute(text(f"{damage} WHERE seq = {seq}"))
            with database.read() as connection:
                alone, found = verify(connection, mark), verify(connection, mark, processes=2)
            assert found == alone
            assert (found.fault is None) == (seq == count and damage.startswith("DELETE"))
            with database.write() as connection:
                connection.execute(tables.audit.delete().where(tables.audit.c.seq == seq))
                connection.execute(insert(tables.audit).values(dict(known[seq - 1]._mapping)))
    database.close()


def test_changes_are_found_on_postgresql_too(migrated_postgres):
    database = Database(migrated_postgres)
    with database.write() as connection:
        connection.execute(text("TRUNCATE service_audit"))
    fill(database, 20)
    for column in COLUMNS[1:]:
        fault = fault_after(database, f"UPDATE service_audit SET {column} = substr({column}, 2) || 'z' WHERE seq = 13")
        assert (fault.seq, fault.kind) == (13, FaultKind.CHANGED)
    for seq in range(1, 20):
        assert fault_after(database, f"DELETE FROM service_audit WHERE seq = {seq}").kind == FaultKind.MISSING
    assert fault_after(database, "DELETE FROM service_audit WHERE seq > 15", mark=Mark(20, "0" * 64)).seq == 16
    with database.write() as connection:
        connection.execute(text("TRUNCATE service_audit"))
    database.close()


def _shift(first, by):
    """Statements that give all rows from `first` on numbers higher or lower by one, past each other."""
    return (
        f"UPDATE service_audit SET seq = seq + 100000 WHERE seq >= {first}",
        f"UPDATE service_audit SET seq = seq - 100000 + ({by}) WHERE seq > 100000",
    )


def _rewritten(log, known, first, last, *, mark=None):
    """Return the fault after row `first` got another actor and rows `first` to `last` right hashes."""
    with log.read() as connection:
        prev_hash = known[first - 2].hash if first > 1 else "0" * 64
        for row in known[first - 1 : last]:
            values = dict(row._mapping) | {"prev_hash": prev_hash}
            if row.seq == first:
                values["actor"] = "mallory"
            values["hash"] = prev_hash = chain_hash("\n".join(str(values[name]) for name in HASHED))
            connection.execute(tables.audit.update().where(tables.audit.c.seq == row.seq).values(values))
        return verify(connection, mark).fault
