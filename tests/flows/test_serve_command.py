"""The command line of `make serve`, and what it refuses before it starts anything."""

import os
import socket

import pytest

from deployments import parts
from deployments.alone import CannotServe, alone, free_port
from deployments.serve import API_PORT, NODES, UI_PORT, parse

HERE = "http://127.0.0.1:1"


def test_with_nothing_said_the_usual_ports_are_taken():
    assert parse([]).ui_port == UI_PORT
    assert parse(["--no-api"]).api_port is None
    assert API_PORT != UI_PORT


def test_who_answers_prompts_is_told_to_the_api():
    assert parse([]).fleet == ("--nodes", str(NODES), "--model", "smollm2")
    assert parse(["--nodes", "0"]).fleet == ()
    own = ["--mesh", "mesh.strata", "--identity", "key", "--model", "mine"]
    assert parse(own).fleet == tuple(own)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--ui-port", "70000"], "a port is a number from 1 to 65535"),
        (["--ui-port", "x"], "invalid _port value"),
        (["--ui-port", "4300", "--api-port", "4300"], "are the same"),
        (["--grace", "soon"], "invalid float value"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, why, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert why in capsys.readouterr().err


def test_help_says_how_it_ends(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(["--help"])
    assert caught.value.code == 0
    assert "Ctrl-C ends it in order" in capsys.readouterr().out


def test_a_home_is_served_by_one(tmp_path):
    ports = {"--ui-port": free_port()}
    with (
        alone(tmp_path, HERE, ports),
        pytest.raises(CannotServe, match=f"is served already: by process {os.getpid()}, at {HERE}"),
        alone(tmp_path, HERE, ports),
    ):
        pass
    with alone(tmp_path, HERE, ports):  # its end lets the next one in
        pass


@pytest.mark.parametrize("option", ["--ui-port", "--api-port"])
def test_a_port_that_is_taken_names_its_option(tmp_path, option):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = {"--ui-port": free_port(), "--api-port": None} | {option: taken}
        with (
            pytest.raises(CannotServe, match=f"port {taken} is taken.*{option}"),
            alone(tmp_path, HERE, ports),
        ):
            pass


def test_parts_are_told_where_things_are_and_keep_what_the_user_has_set(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", "/somewhere")
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    told = parts.environment(tmp_path, "http://127.0.0.1:4300/api")
    assert told["PREFECT_HOME"] == "/somewhere"
    assert (told["PREFECT_API_URL"], told["PREFECT_SERVER_API_PORT"]) == ("http://127.0.0.1:4300/api", "4300")
    assert told["STRATA_HOME"] == str(tmp_path)
