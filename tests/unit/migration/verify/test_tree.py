"""A whole project, file by file."""

import pytest

from strata.migration.imports import analyse
from strata.migration.rewrite import STRATEGIES, live_names
from strata.migration.verify import Proof, rewrite_tree
from tests.support.trees import make_tree

FILES = {f"p/m{number}.py": f"from p.m{number + 1} import x\n" for number in range(70)} | {"p/__init__.py": ""}
RULE = STRATEGIES["relative_preferred"]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_change_has_a_proof_in_the_order_of_the_paths(tmp_path, workers):
    project = analyse(make_tree(tmp_path, FILES), workers=1)
    found = list(rewrite_tree(project, RULE, workers=workers))
    assert [each.judged.path for each in found] == sorted(FILES)
    changes = [each for each in found if each.change]
    assert len(changes) == 70
    for each in changes:
        assert isinstance(each.proof, Proof)
        assert each.change.before == FILES[each.change.path].encode()
        assert each.change.after == FILES[each.change.path].replace("p.m", ".m").encode()
    assert (tmp_path / "p" / "m1.py").read_text() == FILES["p/m1.py"]


def test_a_file_that_changed_since_stays(tmp_path):
    project = analyse(make_tree(tmp_path, FILES), workers=1)
    (tmp_path / "p" / "m1.py").write_text("from p.m2 import y\n")
    (tmp_path / "p" / "m2.py").unlink()
    one, two = rewrite_tree(project, RULE, live_names(project), paths=["p/m1.py", "p/m2.py"])
    assert (one.change, one.proof, one.refused.code) == (None, None, "stale")
    assert (two.change, two.refused.code) == (None, "unreadable")
    assert (one.judged.eligible, one.judged.following_after, one.judged.converted) == (1, 0, ())


def test_only_files_that_change_are_read(tmp_path):
    project = analyse(make_tree(tmp_path, FILES), workers=1)
    for path in FILES:
        (tmp_path / path).unlink()
    assert not [each for each in rewrite_tree(project, STRATEGIES["absolute"]) if each.refused]
