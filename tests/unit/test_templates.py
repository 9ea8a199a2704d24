"""Both languages have the same messages, made of the same fields."""

from importlib.resources import files

import pytest
from jinja2 import Environment, UndefinedError, nodes

from stocksync.settings import Locale
from stocksync.wording import Wording

MESSAGES = files("stocksync") / "messages"


def templates(locale):
    return {path.name: path.read_text() for path in (MESSAGES / locale).iterdir()}


def used(source):
    """Every name and attribute a template reads, each as often as it does; words between them do not count."""
    tree = Environment(autoescape=True).parse(source)
    names = [node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"]
    attributes = [node.attr for node in tree.find_all(nodes.Getattr)]
    filters = [node.name for node in tree.find_all(nodes.Filter)]
    return sorted(names), sorted(attributes), sorted(filters)


def test_every_locale_has_its_folder():
    assert {path.name for path in MESSAGES.iterdir()} == {locale.value for locale in Locale}


def test_both_languages_have_the_same_files():
    assert templates("ko").keys() == templates("en").keys()


@pytest.mark.parametrize("name", sorted(templates("ko")))
def test_both_languages_use_the_same_fields(name):
    assert used(templates("ko")[name]) == used(templates("en")[name])


def test_a_field_that_is_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="mention"):
        Wording("ko").render("mention")
