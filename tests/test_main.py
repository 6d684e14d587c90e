"""The front door: choosing commands, exit statuses, pipes that close, and what gets loaded."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cbir import __version__
from cbir.__main__ import COMMANDS, main
from cbir.commands.terminal import printable
from cbir.vector_index import VectorIndex
from tests.conftest import ROOT, cbir

HEAVY = {
    *("tensorflow", "keras", "onnxruntime", "faiss", "ray", "fastapi", "matplotlib", "sklearn"),
    *("scipy.stats", "pandas", "boto3", "numba", "pyarrow", "rich"),
}


@pytest.fixture
def index(photos: Path) -> Path:
    path = photos.parent / "index.csv"
    assert main(["index", "--dataset", str(photos), "--index", str(path), "--quiet"]) == 0
    return path


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], []])
def test_help_lists_the_commands(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == (0 if arguments else 2)
    out, _ = capfd.readouterr()
    for name in COMMANDS:
        assert f"\n  {name} " in out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_has_examples(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main([name, "--help"])
    assert exit.value.code == 0
    out, err = capfd.readouterr()
    assert "\nexamples:\n" in out
    assert f"usage: cbir {name}" in out
    assert "--json" in out
    assert "--quiet" in out
    assert err == ""


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        (
            "index",
            "--dataset --descriptor -d --index --workers --batch-size --failures --plain --store "
            "--no-store --augment",
        ),
        (
            "search",
            "--query --index --limit --distance --threshold --result-path --montage --no-montage "
            "--show --store --no-store --descriptor -d",
        ),
    ],
)
def test_help_shows_the_flags_of_the_contract(
    name: str, flags: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    shown = capfd.readouterr().out.replace(",", " ").replace("[", " ").split()
    assert not set(flags.split()) - set(shown)


def test_the_version_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"cbir {__version__}\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("serch", "did you mean search?"),
        ("idnex", "did you mean index?"),
        ("xyz", "choose one of index, search, descriptors, compare, fit"),
        ("--verbose", "choose one of"),
        ("", "choose one of"),
        ("../index", "did you mean index?"),
        ("options", "there is no such command"),
        ("\x1b[31m\n", "choose one of"),
    ],
)
def test_unknown_commands(name: str, hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert hint in err
    assert "\x1b" not in err


def test_the_installed_script_is_the_same_door() -> None:
    script = shutil.which("cbir", path=Path(sys.executable).parent)
    if script is None:
        pytest.skip("the package is not installed here")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"cbir {__version__}\n")


def test_descriptors_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["descriptors"]) == 0
    out, err = capfd.readouterr()
    assert "hsv: 288 values, compared by chi2" in out
    assert "hsv-regions: 1440 values, compared by chi2" in out
    assert err == ""


def test_descriptors_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["descriptors", "--json"]) == 0
    found = {one["name"]: one for one in map(json.loads, capfd.readouterr().out.splitlines())}
    assert {"hsv", "hsv-regions"} <= set(found)
    hsv = found["hsv"]
    assert (hsv["dim"], hsv["distance"]) == (288, "chi2")
    assert hsv["settings"] == {"bins": "8x12x3", "norm": "l1", "size": 128}
    assert found["inception-resnet-v2"]["aliases"] == ["inception"]
    dims = {"mobilenet": 1024, "vgg19": 512, "inception-v3": 2048, "inception-resnet-v2": 1536}
    assert {name: found[name]["dim"] for name in dims} == dims
    assert (found["onnx"]["required"], found["onnx"]["spec"]) == (["model"], None)


def piped(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PY": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("flag", ["", "--json"])
def test_a_closed_pipe_is_no_error(index: Path, flag: str) -> None:
    """Whoever reads may have enough after one line."""
    queries = " ".join(["photos"] * 20)
    command = f"$PY -m cbir search --query {queries} --no-montage {flag} | head -1"
    done = piped(command, index.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("command", ["--help", "search --help", "descriptors"])
def test_a_closed_pipe_is_no_error_for_help_either(tmp_path: Path, command: str) -> None:
    done = piped(f"$PY -m cbir {command} | true", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_on_the_other_side_is_said_plainly(index: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    done = piped("$PY -m cbir search --query photos/a.jpg --no-montage > /dev/full", index.parent)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "unexpected error" not in done.stderr


@pytest.mark.parametrize("stream", ["1", "2", "0"])
def test_streams_may_be_closed(index: Path, stream: str) -> None:
    """As cron and some services start programs."""
    shell = f"$PY -m cbir index --dataset photos --index other.csv {stream}>&-"
    done = piped(shell, index.parent)
    assert "unexpected error" not in done.stderr + done.stdout
    assert done.returncode == 0
    assert (index.parent / "other.csv").exists()


def test_a_search_loads_nothing_heavy(index: Path, photos: Path) -> None:
    """What is heavy waits in the function that needs it; a small search needs none of it."""
    code = (
        "import json, sys; from cbir.__main__ import main; status = main(sys.argv[1:])\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    flags = ["search", "--query", photos / "a.jpg", "--index", index, "--montage", "m.jpg"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, flags), "--quiet"],
        cwd=index.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    loaded = set(json.loads(done.stderr))
    assert "cbir.searcher" in loaded  # it is the whole way that was looked at
    assert not HEAVY & loaded


def test_choosing_a_command_loads_nothing_of_the_others() -> None:
    code = (
        "import sys; from cbir.__main__ import main; main(['--help'])\n"
        "print(*(m for m in sys.modules if m.startswith(('cbir.', 'numpy', 'cv2'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "cbir.__main__"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("boot.jpg", "boot.jpg"),
        ("a b é 漢 😀", "a b é 漢 😀"),
        ("\x1b[2J\r\n\0\x7f\x9b", r"\x1b[2J\r\n\x00\x7f\x9b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2028\udcff", r"\u2028\udcff"),
    ],
)
def test_what_is_printed_can_not_take_over_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_debugging_switch_shows_where(tmp_path: Path) -> None:
    """Without it no traceback is ever shown; the refusals that are meant show none with it."""
    done = cbir("check", tmp_path / "none.csv", env={"CBIR_DEBUG": "1"})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_standard_streams_may_all_be_closed(index: Path) -> None:
    """As for a daemon: no file of ours may then be taken for standard error."""
    shell = "$PY -m cbir index --dataset photos --index other.csv <&- >&- 2>&-"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PY": sys.executable}
    done = subprocess.run(["bash", "-c", shell], cwd=index.parent, env=env, timeout=60)
    assert done.returncode == 0
    read = VectorIndex.read(index.parent / "other.csv")
    assert len(read) == 8
    assert (index.parent / "other.csv.vectors").exists()
