"""Pages and pictures as files that can be opened, beside the store."""

from pathlib import Path

from strata.files import make_folder, write
from strata.pages.contents import Page
from strata.pages.drawing import Picture
from strata.pages.html import page_html


def write_page(page: Page, path: Path) -> Path:
    """The page at `path`, all of it or nothing; returns the path from the root."""
    make_folder(path.parent)
    write(path, page_html(page).encode())
    return path.absolute()


def write_picture(picture: Picture, path: Path) -> Path:
    """The picture as PNG at `path`; returns the path from the root."""
    make_folder(path.parent)
    write(path, picture.png())
    return path.absolute()
