"""networkx, rewritten and proved file by file."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from strata.migration.imports import analyse
from strata.migration.rewrite import STRATEGIES, Refusal, live_names, rewrite_file
from strata.migration.verify import Proof, prove

PACKAGE = Path(str(importlib.util.find_spec("networkx").origin)).parent


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    part = shutil.ignore_patterns("__pycache__", "tests", "generators", "drawing", "readwrite", "approximation")
    shutil.copytree(PACKAGE, folder / "networkx", ignore=part)
    return analyse(folder, workers=1)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_statement_is_converted_and_every_file_proved(project, strategy):
    live, changed = live_names(project), 0
    for path, facts in project.files.items():
        data = (project.tree.root / path).read_bytes()
        done = rewrite_file(data, facts, live[path], project.modules, STRATEGIES[strategy])
        assert done.following_after == done.eligible
        assert not done.refusals
        if done.converted:
            changed += 1
            proof = prove(data, done.data, facts, live[path], project.modules)
            assert isinstance(proof, Proof), proof
            assert proof.changed == len(done.converted)
    assert changed > 10


def test_a_wrong_module_is_refused(project):
    path = "networkx/utils/misc.py"
    data, facts, live = (project.tree.root / path).read_bytes(), project.files[path], live_names(project)
    spoiled = data.replace(b"import networkx as nx", b"from .. import utils as nx")
    assert spoiled != data
    assert isinstance(prove(data, spoiled, facts, live[path], project.modules), Refusal)
