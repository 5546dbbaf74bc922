"""What a host gets for watching its runs: a program that is whole, and private addresses."""

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from kometa_host.settings.variables import Settings
from kometa_host.state import desired, watch_files

SETTINGS = Settings.from_data(
    {
        "kometa_secrets": {"topic": "hunter2"},
        "kometa_notify": ["ntfys://ntfy.sh/<<topic>>"],
        "kometa_notify_url": "https://hc.example/hunter3",
    },
    "a host",
)


def test_the_modules_are_the_watcher_with_all_that_it_imports_and_nothing_else() -> None:
    imported = set()
    for name, file in watch_files.modules().items():
        imported.add(name)
        for node in ast.walk(ast.parse(file.text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            outer = {str(name).partition(".")[0] for name in names} - sys.stdlib_module_names
            assert outer <= {"kometa_host"}, (name, outer)
            paths = [str(name).replace(".", "/") + ".py" for name in names if str(name).startswith("kometa_host")]
            imported |= {path for path in paths if (watch_files.PACKAGES / path).exists()}
    assert imported == set(watch_files.modules())


def test_the_program_runs_with_the_installed_files_alone(tmp_path: Path) -> None:
    files = watch_files.library_files(SETTINGS)
    for directory in watch_files.directories():
        (tmp_path / directory).mkdir()
    for name, file in files.items():
        (tmp_path / name).write_bytes(file.text().encode())
        (tmp_path / name).chmod(file.mode)
    known = json.loads((tmp_path / "watch.json").read_text()) | {"config_dir": str(tmp_path / "nowhere")}
    (tmp_path / "watch.json").write_text(json.dumps(known))
    command = [sys.executable, "-I", str(tmp_path / "watcher" / "kometa_watch.py"), "look"]
    done = subprocess.run(
        command, input="[]", capture_output=True, text=True, cwd="/", env={"HOME": str(tmp_path)}, check=False
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == {"runs": [], "progress": None, "done": []}


def test_addresses_are_in_private_files_and_nowhere_else() -> None:
    files = desired.library(SETTINGS).files
    holding = {name: file.mode for name, file in files.items() if "hunter" in file.text()}
    assert holding == {"notify.yml": 0o600, "notify-url": 0o600}
    assert "hunter2" not in repr(SETTINGS)
    assert json.loads(files["watch.json"].text())["services"] == ["ntfys"]


def test_without_addresses_there_are_no_files_for_them() -> None:
    files = desired.library(Settings()).files
    assert not {"notify.yml", "notify-url"} & set(files)


def test_the_watcher_has_a_service_and_a_timer() -> None:
    units = desired.units(SETTINGS).files
    assert "OnCalendar=" in units["kometa-watch.timer"].text()
    assert "/home/mms/.local/lib/kometa-host/kometa-watch" in units["kometa-watch.service"].text()


def test_what_the_watcher_tells_of_are_the_jobs_that_there_are() -> None:
    assert "kometa-backup.service" not in watch_files.config_of(SETTINGS).units
    backed_up = replace(SETTINGS, kometa_backup_recipients=("age1x",))
    assert watch_files.config_of(backed_up).units["kometa-backup.service"] == "the backup"
    assert watch_files.config_of(SETTINGS).grace == 20


def test_what_hosts_run_needs_no_newer_python_than_we_say(tmp_path: Path) -> None:
    for number, file in enumerate(watch_files.modules().values()):
        (tmp_path / f"module{number}.py").write_text(file.text())
    vermin = str(Path(sys.executable).with_name("vermin"))
    command = [vermin, "--target=3.9-", "--no-tips", "--violations", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
