"""The operators' texts: Jinja templates, one a file, a folder a language."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from stocksync.model.notice import Place


class Wording:
    """Fills in the templates of one language.

    Args:
        locale: the folder under messages/
    """

    def __init__(self, locale: str) -> None:
        # Plain text, not HTML: what a channel needs escaped, its adapter escapes.
        self._environment = Environment(  # noqa: S701
            loader=PackageLoader("stocksync", f"messages/{locale}"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["number"] = _number

    def render(self, template: str, **fields: object) -> str:
        """Fill in messages/{locale}/{template}.j2."""
        return self._environment.get_template(f"{template}.j2").render(**fields).rstrip("\n")

    def place(self, path: str) -> Place:
        """Name a part of the page as links to it do."""
        return Place(path, self.render("place"))


def _number(number: int, one: str = "", many: str = "") -> str:
    """Write a number as people read it: 1,000; with a language's words for it: 1 product, 1,000 products."""
    return f"{number:,} {one if number == 1 else many}".rstrip()
