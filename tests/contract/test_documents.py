"""What the documents say is so."""

import re

import pytest

from stocksync.settings import PREFIX, Settings
from tests.kit.paths import ROOT, tracked

README = ROOT / "README.md"
ROW = re.compile(r"^\|\s*`(STOCK_SYNC_[A-Z_]+)`\s*\|(.*)\|\s*$", re.MULTILINE)
COMMAND = re.compile(r"\bmake ([a-z][a-z-]*)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")


def settings_table():
    return {
        variable: [cell.strip() for cell in cells.split("|")] for variable, cells in ROW.findall(README.read_text())
    }


def test_the_readme_lists_every_setting_and_no_other():
    assert sorted(settings_table()) == sorted(PREFIX + name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_readme_tells_a_settings_default_what_is_allowed_and_what_it_means(name):
    field = Settings.model_fields[name]
    default, allowed, meaning = settings_table()[PREFIX + name.upper()]

    value = getattr(field.default, "value", field.default)
    shown = "" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    assert default == shown
    assert allowed == field.json_schema_extra["allowed"]
    assert meaning


def test_every_make_target_the_documents_name_exists():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    documents = {README, *tracked("*.md")}

    named = {
        (target, document.relative_to(ROOT).as_posix())
        for document in documents
        for code in CODE.findall(document.read_text())
        for target in COMMAND.findall(code)
    }
    assert {target for target, _ in named} >= {"demo", "test"}
    assert [(target, where) for target, where in sorted(named) if target not in targets] == []


def test_every_make_target_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text()

    named = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE))
    assert named == set(re.findall(r"^([a-z][a-z-]*):.*## .", makefile, re.MULTILINE))


def slug(heading):
    """A heading's anchor, as GitHub makes it."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def prose(document):
    return re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)


def test_every_link_in_the_documents_leads_somewhere():
    broken = []
    for document in {README, *tracked("*.md")}:
        for link in LINK.findall(prose(document)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            anchors = {slug(h) for h in re.findall(r"^#+ (.*)$", prose(target), re.MULTILINE)} if anchor else set()
            if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in anchors):
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert broken == []
