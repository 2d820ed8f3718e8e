"""The repository keeps its word: packaging lists, documents, catalogues, pinned versions."""

from __future__ import annotations

import functools
import importlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from trivium.service.app_spec import installed_apps, resolve
from trivium.service.cli import app
from trivium.service.settings import Settings
from trivium.service.text import LANGUAGES, catalogue

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "deploy/**/*.md", "examples/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
FOLDERS = sorted(
    str(path.parent.relative_to(ROOT)) for path in [*ROOT.glob("packages/*/trivium"), *ROOT.glob("apps/*/trivium")]
)
OWNERS = [f"trivium.{Path(folder).name}" for folder in FOLDERS]
TEXTS = [
    owner
    for owner in OWNERS
    if (ROOT / FOLDERS[OWNERS.index(owner)] / "trivium" / owner[8:] / "locale" / "en.toml").is_file()
]


def code_in(document: Path) -> list[str]:
    """Return the code spans of a Markdown file, and the lines of its code blocks, those that go on joined."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text.replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", prose_of(document)) + [line for block in blocks for line in block.splitlines()]


def prose_of(document: Path) -> str:
    """Return a Markdown file without its code blocks."""
    return re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def heading_anchors(document: Path) -> set[str]:
    """Return what the headings of a Markdown file are called in links."""
    headings = re.findall(r"^#+ (.*)$", prose_of(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def mentioned(pattern: str) -> set[str]:
    return {match for document in DOCUMENTS for code in code_in(document) for match in re.findall(pattern, code)}


# -- packaging ------------------------------------------------------------------------------------------------------


def test_trivium_is_a_namespace():
    """One `trivium/__init__.py` would hide every other package of an editable install."""
    assert [path for folder in FOLDERS for path in (ROOT / folder / "trivium").glob("__init__.py*")] == []


def test_every_package_is_in_all_three_lists():
    hatch = PROJECT["tool"]["hatch"]["build"]
    assert sorted(hatch["dev-mode-dirs"]) == FOLDERS
    assert sorted(hatch["targets"]["wheel"]["only-include"]) == [f"{folder}/trivium" for folder in FOLDERS]
    assert sorted(hatch["targets"]["wheel"]["sources"]) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_package_is_typed_and_checked(folder):
    name = Path(folder).name
    assert (ROOT / folder / "trivium" / name / "py.typed").is_file()
    assert f"trivium.{name}" in PROJECT["tool"]["importlinter"]["root_packages"]


@pytest.mark.slow
def test_the_wheel_holds_every_file(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("trivium/")}
    tracked = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    sources = {name.partition("/trivium/")[2] for name in tracked if (ROOT / name).exists()}
    assert {f"trivium/{name}" for name in sources} - packed == set()
    assert "trivium/service/templates/base.html" in packed
    assert "trivium/service/migrations/versions/service_0001_first.py" in packed


def test_constraints_are_names_and_versions_only():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line and not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []


def test_every_dependency_is_pinned_within_its_bounds():
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split():
        name, _, version = line.partition("==")
        pinned[canonicalize_name(name)] = version
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    for requirement in map(Requirement, wanted):
        if requirement.name != "trivium":
            name = canonicalize_name(requirement.name)
            assert name in pinned, f"{name} is not in constraints.txt"
            assert requirement.specifier.contains(pinned[name]), f"{name} {pinned[name]} against {requirement}"


# -- documents ------------------------------------------------------------------------------------------------------


def test_make_targets_in_documents_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert mentioned(r"^make ([a-z]+)") - targets == set()
    assert {"install", "demo", "test", "check", "bench"} <= targets


@functools.cache
def commands() -> dict[tuple[str, ...], typer.core.TyperCommand]:
    """Return every command and group of `trivium` by its words."""
    found = commands_of(typer.main.get_command(app))
    for spec in installed_apps():
        if spec.cli and not spec.missing:
            found |= commands_of(typer.main.get_command(resolve(spec.cli)), () if spec.commands else (spec.name,))
    return found


def commands_of(group, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], typer.core.TyperCommand]:
    found = {prefix: group} if prefix else {}
    for name, command in getattr(group, "commands", {}).items():
        found |= commands_of(command, (*prefix, name))
    return found


def test_commands_in_documents_exist():
    groups = {command[:-1] for command in commands() if len(command) > 1}
    for line in mentioned(r"^(?:[A-Z_]+=\S+ )*trivium ([a-z][a-z -]*)"):
        words = tuple(line.split())
        assert words[:1] in commands(), f"trivium {line}"
        if words[:1] in groups and len(words) > 1:
            assert words[:2] in commands(), f"trivium {line}"


def test_options_in_documents_exist():
    strangers = set()
    for line in mentioned(r"^(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?trivium ([a-z][^|#<>]*)"):
        words = line.split()
        command = max((c for c in commands() if tuple(words[: len(c)]) == c), key=len, default=())
        known = {
            name for one in getattr(commands().get(command), "params", ()) for name in one.opts + one.secondary_opts
        }
        given = {word.partition("=")[0].rstrip(",.;)]") for word in words if word.startswith("--")}
        strangers |= {(" ".join(command), option) for option in given - known - {"--help"}}
    assert strangers == set()


def test_options_of_benchmarks_in_documents_exist():
    shared = (ROOT / "benchmarks/setting.py").read_text(encoding="utf-8")
    strangers = set()
    for line in mentioned(r"python (benchmarks/\w+\.py[^|#<>]*)"):
        script, *words = re.sub(r'"[^"]*"', "", line).split()
        source = shared + (ROOT / script).read_text(encoding="utf-8")
        given = {word.partition("=")[0].rstrip(",.;)]") for word in words if word.startswith("--")}
        strangers |= {(script, option) for option in given if f'"{option}"' not in source}
    assert strangers == set()


def test_links_in_documents_lead_somewhere():
    dead = []
    for document in DOCUMENTS:
        for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose_of(document)):
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            if "://" not in link and not (target.exists() and (not anchor or anchor in heading_anchors(target))):
                dead.append((document.name, link))
    assert dead == []


def test_files_that_the_architecture_names_exist():
    folders = (ROOT / name for name in ("packages", "apps", "tests", "benchmarks"))
    files = [path.as_posix() for folder in folders for path in folder.rglob("*.*")]
    files += [path.as_posix() for path in ROOT.glob("*.*")]
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./-]+\.(?:py|toml|js|css|sh))`", text)) - {"trivium/__init__.py"}  # which must not be
    assert [name for name in sorted(named) if not any(file.endswith(f"/{name}") for file in files)] == []


def test_settings_in_documents_exist_and_every_setting_is_described():
    known = {f"TRIVIUM_{name.upper()}" for name in Settings.model_fields}
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("packages", "apps", "tests", "tools")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh")
    )
    strangers = {name for name in mentioned(r"TRIVIUM_[A-Z_]+") - known if name not in source}
    assert strangers == set()
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_modules_and_public_names_in_documents_exist():
    for dotted in mentioned(r"\btrivium(?:\.[a-z_]+)+(?:\.[A-Z]\w+)?\b(?!/)"):
        if dotted in ("trivium.db", "trivium.apps", "trivium.css", "trivium.svg"):  # files and the entry-point group
            continue
        module, _, name = dotted.rpartition(".")
        found = importlib.import_module(module)
        assert hasattr(found, name) or importlib.import_module(dotted), dotted


def test_paths_in_documents_exist():
    paths = mentioned(r"^((?:packages|apps|tests|docs|benchmarks|tools|deploy|examples|\.ci)/[\w./-]*)")
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_documents_name_no_machine():
    for path in [*DOCUMENTS, ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("tools/*"), ROOT / ".ci/run"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(root|home|work)/|/tmp/[a-z]", text), path


# -- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", TEXTS)
def test_catalogues_have_the_same_keys(owner):
    english, *others = [catalogue(owner, language) for language in LANGUAGES]
    assert len(english) > 0
    for other in others:
        assert set(other) ^ set(english) == set()


def test_every_app_with_a_page_has_a_title_and_a_summary():
    for spec in installed_apps():
        if spec.ui:
            for language in LANGUAGES:
                assert {"app.title", "app.summary"} <= set(catalogue(spec.package, language))


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_scripts_can_be_run():
    for name in (".ci/run", "tools/install.sh"):
        assert os.access(ROOT / name, os.X_OK), name
