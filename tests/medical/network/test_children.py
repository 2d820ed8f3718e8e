"""`trivium up` runs the listener where a port is set, and nothing more."""

from trivium.medical.app import SPEC
from trivium.service import supervise
from trivium.service.settings import Settings


def test_the_suite_runs_a_listener_where_a_port_is_set(tmp_path):
    for port, wanted in ((0, []), (11112, [["medical", "listen"]])):
        made = supervise._children(Settings(home=tmp_path, medical_dicom_port=port), (SPEC,))
        assert [child.arguments for child in made if child.name == "medical-listen"] == wanted
