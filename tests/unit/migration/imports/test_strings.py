"""Strings in code that name modules and files."""

import pytest

from strata.migration.imports import Via, scan
from strata.migration.project import decode


def found(text: str) -> list[tuple[Via, str]]:
    return [(each.via, each.value) for each in scan("x.py", text.encode()).strings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@patch('p.a.f')\ndef t(m): pass", [(Via.PATCH, "p.a.f")]),
        ("with mock.patch('p.a.f', 'value'): pass", [(Via.PATCH, "p.a.f")]),
        ("with mock.patch(target='p.a.f', new='x'): pass", [(Via.PATCH, "p.a.f")]),
        ("mocker.patch('p.a.f')", [(Via.PATCH, "p.a.f")]),
        ("mock.patch.dict('p.a.TABLE', {'x': 'y'})", [(Via.PATCH, "p.a.TABLE")]),
        ("patch.object(thing, 'name')", []),
        ("monkeypatch.setattr('p.a.f', 'x')", [(Via.PATCH, "p.a.f")]),
        ("with monkeypatch.context() as m:\n m.delattr('p.a.f')", [(Via.PATCH, "p.a.f")]),
        ("setattr(thing, 'name', 'value')", []),
        ("importlib.import_module('.a', package='p')", [(Via.IMPORT_MODULE, ".a"), (Via.IMPORT_MODULE, "p")]),
        ("import_module(\n  'p.a'\n)", [(Via.IMPORT_MODULE, "p.a")]),
        ("pytest.importorskip('p')", [(Via.IMPORT_MODULE, "p")]),
        ("runpy.run_path(os.path.join(here, 'tools', 'x.py'))", [(Via.RUN_PATH, "tools"), (Via.RUN_PATH, "x.py")]),
        ("spec_from_file_location('n', here / 'x.py')", [(Via.FILE_LOCATION, "n"), (Via.FILE_LOCATION, "x.py")]),
        ("subprocess.run([sys.executable, '-u', 'tools/x.py', 'y'])", [(Via.RUN_PATH, "tools/x.py")]),
        ("command = [sys.executable, '-m', 'p.tool', 'q']", [(Via.RUN_MODULE, "p.tool")]),
        ("check_call(('python3', str(here / 'x.py')))", [(Via.RUN_PATH, "x.py")]),
        ("files = ['a', 'x.py']", []),
        ("importlib.resources.files('p.data')", [(Via.LAZY, "p.data")]),
        ("files('p.data')", []),
        ("f('import_module')", []),
        ("x.import_module", []),
    ],
)
def test_calls(text: str, expected: list[tuple[Via, str]]) -> None:
    assert found(text) == expected


def test_tables_of_a_module_that_loads_on_demand() -> None:
    tables = (
        "_public: dict = {'f': (__spec__.parent, '.main'), 'g': 'p.q:h'}\n"
        "MOVED = ['p.old', 'a sentence.', 'word', '1.5', 'p.x']\n"
        "def f():\n x = ['p.no']\n"
    )
    demand = "def __getattr__(name: str) -> object:\n return 1\n"
    assert [value for _, value in found(tables + demand)] == [".main", "p.q:h", "p.old", "p.x"]
    assert found(tables) == []
    method = "class A:\n def __getattr__(self, name):\n  return 1\n"
    assert found(tables + method) == []


def test_a_place_is_that_of_the_literal() -> None:
    text = "é = 'ü'; patch('p.é.f'); patch(\n  r'''p.b''')\n"
    facts, source = scan("x.py", text.encode()), decode(text.encode())
    spans = [source.text[source.offset(each.start) : source.offset(each.end)] for each in facts.strings]
    assert spans == ["'p.é.f'", "r'''p.b'''"]
