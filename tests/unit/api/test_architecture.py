"""The architecture of a project, over HTTP and from memory."""

import os

import pytest

from strata.api import architecture

PATH = "/v2/archaeological/architecture/analysis"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two packages that import each other, below the working directory."""
    files = {
        "shop/__init__.py": "",
        "shop/stock/__init__.py": "from shop.sales import price\n\n\ndef count():\n    return price\n",
        "shop/sales/__init__.py": "import shop.stock\n\nprice = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / "below" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "below"


def test_a_project_below_the_working_directory_is_analysed(client, project) -> None:
    found = client.get(PATH, params={"tree": "below"}).json()
    assert {"importer": "shop.stock", "imported": "shop.sales", "type_only": False} in found["imports"]
    (cycle,) = found["cycles"]
    assert (cycle["kind"], cycle["modules"]) == ("load", ["shop.sales", "shop.stock"])
    assert cycle["breaks"]
    assert found["coupling"]["cycles"] == 1
    assert {package["name"] for package in found["packages"]} >= {"shop.stock", "shop.sales"}
    assert found["broken"] == []


def test_what_has_not_changed_comes_from_memory(client, project, monkeypatch) -> None:
    first = client.get(PATH, params={"tree": "below"}).json()
    with monkeypatch.context() as patch:
        patch.setattr(architecture, "_measured", lambda *_: pytest.fail("it was measured again"))
        assert client.get(PATH, params={"tree": "below"}).json() == first
    (project / "shop" / "till.py").write_text("import shop.sales\n")
    second = client.get(PATH, params={"tree": "below"}).json()
    assert second["digest"] != first["digest"]
    assert {"importer": "shop.till", "imported": "shop.sales", "type_only": False} in second["imports"]


def test_nothing_outside_of_the_working_directory_is_read(client, project, tmp_path_factory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.py").write_text("import os\n")
    os.symlink(outside, project / "link")
    assert client.get(PATH, params={"tree": "below/link"}).status_code == 404
    for tree in ("..", "below/..", "/etc", str(outside), ".git", "below/.hidden", "a/../../b"):
        assert client.get(PATH, params={"tree": tree}).status_code == 422
    for tree in ("nothing", "below/shop/sales/__init__.py"):
        assert client.get(PATH, params={"tree": tree}).status_code == 404


def test_a_folder_without_python_is_no_project(client, project) -> None:
    (project / "empty").mkdir()
    answer = client.get(PATH, params={"tree": "below/empty"})
    assert answer.status_code == 404
    assert "no Python file" in answer.json()["detail"]


def test_switched_off_it_says_so(client_of, context, project) -> None:
    context.settings.coupling_analysis = False
    with client_of() as client:
        answer = client.get(PATH)
    assert answer.status_code == 409
    assert "PYTHON_COUPLING_ANALYSIS" in answer.json()["detail"]


def test_unnamed_it_is_strata_itself_which_has_no_cycle_of_loading(client) -> None:
    found = client.get(PATH).json()
    assert {"importer": "strata.api.app", "imported": "strata.api.gate", "type_only": False} in found["imports"]
    assert found["files"] > 100
    assert not [cycle for cycle in found["cycles"] if cycle["kind"] == "load"]
