"""Packages that import flask_login themselves, each in a small program: who logs in there is logged in by flask_housekey."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
PACKAGES = pathlib.Path(sys.prefix) / "third-parties"


@pytest.mark.parametrize("name", ["admin", "appbuilder", "security"])
def test_people_log_in_and_out_by_the_views_of(name, tmp_path):
    environ = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
