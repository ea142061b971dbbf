"""Members use breakers: what else there is must not be imported with them."""

import subprocess
import sys


def test_breakers_alone_need_no_database_and_no_rules() -> None:
    code = "import sys, strata.triage; print(*sorted({'sqlalchemy', 'pydantic', 'httpx', 'trio'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


def test_all_names_of_the_public_face_are_there() -> None:
    import strata.triage

    assert all(getattr(strata.triage, name) is not None for name in strata.triage.__all__)
