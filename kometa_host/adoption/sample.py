"""The config tree that the project comes with: adoption replaces it as long as nobody has changed it."""

from typing import Final

# path below kometa/ -> SHA-256
SAMPLE: Final = {
    "config.yml": "f4beab1232326189dabe01d423d197fb9fc759f7824db653406ef7072da5f5f1",
    "collections/movies.yml": "8b76a2c2d20fbcdffd01f990230e7efc29b288a4850da326fa32b60fd2e496dd",
    "collections/shows.yml": "30852f507cb2722fe704da9c4142ea12da4d17ad5813ba7f6d8b1bc4709a497e",
}
