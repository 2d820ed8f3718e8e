"""The plant of the ingest tests, for those that go from readings to alerts."""

from tests.maintenance.ingest.conftest import broker_url, database, empty_file, plant, streams  # noqa: F401 - fixtures
from tests.service.conftest import settings  # noqa: F401 - a fixture
