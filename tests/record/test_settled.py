"""What frames cost after ten minutes."""

from datetime import timedelta

from slmm.record.office import RecordOffice
from tests.record.past import NOON, record_polls, simulate


def test_what_has_settled_is_in_the_file_and_no_longer_in_the_log_and_in_memory(office: RecordOffice) -> None:
    def kept_in_memory_bytes() -> int:
        question = "select memory_usage_bytes from duckdb_memory() where tag = 'IN_MEMORY_TABLE'"
        return office.store.read(lambda connection: connection.execute(question).fetchone())[0]

    record_polls(office, simulate("m", 1200.0))
    log = office.store.path.with_name("record.duckdb.wal")
    before = kept_in_memory_bytes()
    assert log.stat().st_size > 100_000
    office.settle(NOON + timedelta(hours=1))
    assert not log.exists() or log.stat().st_size < 1000
    assert kept_in_memory_bytes() < before / 4
