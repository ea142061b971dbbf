"""Every method, and what configurations can say, against mergekit's own command: file by file, byte by byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strata.cli import main
from strata.evolution.merge import Merged, MergePool
from strata.evolution.models import open_model
from strata.evolution.recipes import METHODS, Recipe
from tests.unit.evolution.merge.models import Family, configuration

SEED = 5
NOT_COMPARED = {"README.md", "mergekit_config.yml"}  # the card says where the models lay
BASE, ONE, TWO = "base", "one", "two"


def slices() -> dict:
    """Layers of two models, one twice, and a draw of random numbers for each."""
    sources = [{"model": BASE, "layer_range": [0, 2]}, {"model": ONE, "layer_range": [0, 2]}]
    weight = [{"filter": "mlp", "value": [0.2, 0.8]}, {"value": 0.5}]
    more = [{"model": BASE, "layer_range": [1, 2]}, {"model": ONE, "layer_range": [0, 1]}]
    parameters = {"weight": weight, "density": 0.4}
    parts = [{"sources": sources, "parameters": parameters}, {"sources": more, "parameters": parameters}]
    return {"merge_method": "dare_ties", "base_model": BASE, "slices": parts, "dtype": "float32"}


CASES = {name: configuration(name, BASE, ONE, TWO) for name in METHODS}
CASES |= {
    "float32": configuration("ties", BASE, ONE, TWO, dtype="float32"),
    "float16 out": configuration("dare_linear", BASE, ONE, TWO, dtype=None) | {"out_dtype": "float16"},
    "slices": slices(),
    "aligned": configuration("linear", BASE, ONE, TWO) | {"tokenizer_source": "union"},
}
CASES["passthrough"]["models"] = CASES["passthrough"]["models"][:1]


@pytest.fixture(scope="module")
def references(family: Family, tmp_path_factory) -> dict[str, Path]:
    """What the command writes."""
    home, arguments = tmp_path_factory.mktemp("reference"), []
    outs = {name: home / name.replace(" ", "-") for name in CASES}
    for name, out in outs.items():
        recipe = home / f"{out.name}.yml"
        recipe.write_text(json.dumps(named(CASES[name], {k: str(v) for k, v in family.folders.items()})))
        arguments += [str(recipe), str(out), str(SEED)]
    script = Path(__file__).with_name("command.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, str(script), *arguments], check=True, env=environment, capture_output=True)
    return outs


def named(case: dict, names: dict[str, str]) -> dict:
    """The configuration with other names of its models."""
    text = json.dumps(case)
    for name, other in names.items():
        text = text.replace(f'"{name}"', json.dumps(other)) if name != BASE else text
    text = text.replace('"base_model": "base"', f'"base_model": {json.dumps(names[BASE])}')
    return json.loads(text.replace('"model": "base"', f'"model": {json.dumps(names[BASE])}'))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name not in NOT_COMPARED}


@pytest.mark.parametrize("name", CASES)
def test_a_child_of_the_pool(family: Family, pool: MergePool, references: dict[str, Path], name: str):
    recipe = Recipe(named(CASES[name], {k: f"model:{v}" for k, v in family.digests.items()}), SEED)
    child = pool.merge(recipe)
    assert isinstance(child, Merged), child
    files = {name: family.store.read(blob) for name, blob in open_model(family.store, child.digest).files.items()}
    assert files == contents(references[name])
    assert child.recipe == recipe.digest
    assert (child.engine.mergekit, child.engine.threads) == ("0.1.5", 1)


def test_the_command_line(family: Family, references: dict[str, Path], tmp_path: Path, monkeypatch, capsys):
    """A path relative to where one is, and a model of the store, in one recipe; into an empty folder that is there."""
    monkeypatch.setenv("STRATA_HOME", str(family.store.layout.root.parent))
    monkeypatch.chdir(family.folders[BASE].parent)
    case = named(CASES["dare_ties"], {BASE: "base", ONE: f"model:{family.digests[ONE]}", TWO: "two"})
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(json.dumps(case))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(recipe), str(out), "--seed", str(SEED), "--threads", "1", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["merged"], said
    assert (ended.value.code, said["engine"]["threads"]) == (0, 1)
    assert contents(out) == contents(references["dare_ties"])
    assert (out / "mergekit_config.yml").read_text() == recipe.read_text()
    assert said["files"] == sorted(file.name for file in out.iterdir())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "recipe.yml"]
