"""Response files (`@file`): read them as clang does, to find options of ours that clang must not see.

A file that has none is left to clang. The words of the others, and of pipes, which can be read only once,
replace the file on the command line; where that grows too long for the system they go through a file that
exists only in memory.
"""

from __future__ import annotations

import os

from mlcomp.driver.settings import OWN_PREFIXES

LONG_COMMAND = 96 * 1024
"""Characters beyond which a command line goes through a file; the system would take some times as many."""


class ResponseFile:
    """One occurrence of an `@file` that is passed on as it is."""

    __slots__ = ("argument",)

    def __init__(self, argument: str) -> None:
        self.argument = argument


Word = tuple[str, ResponseFile | None]
"""An argument and the response file that it stays in, or None if it stands on the command line."""


def expand(arguments: list[str], levels: bool = False) -> list[Word]:
    """All arguments, with those of response files, in clang's order; with `levels`, a file with one is replaced."""
    own = (*OWN_PREFIXES, "-O", "--optimize") if levels else OWN_PREFIXES
    words: list[Word] = []
    for argument in arguments:
        inner: list[str] = []
        if argument[:1] != "@":
            words.append((argument, None))
        elif _read_words(argument[1:], inner, ()) and not any(w.startswith(own) for w in inner):
            kept = ResponseFile(argument)
            words += [(word, kept) for word in inner]
        else:
            words += [(word, None) for word in inner]
    return words


def shorten(arguments: list[str]) -> list[str]:
    """The same arguments, or one `@file` in memory that holds them if they are too long for a command
    line."""
    if sum(map(len, arguments)) < LONG_COMMAND or not hasattr(os, "memfd_create"):
        return arguments
    text = "\n".join(map(quoted, arguments))
    file = os.memfd_create("mlcc-arguments", 0)  # stays open for clang
    with open(file, "wb", closefd=False) as stream:
        stream.write(os.fsencode(text))
    return [f"@/proc/self/fd/{file}"]


def quoted(argument: str) -> str:
    """An argument as one word of a response file."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_words(path: str, words: list[str], stack: tuple[str, ...]) -> bool:
    """Append the words of a file and the files it names; false if clang could not read the same again."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        words.append("@" + path)  # clang takes it literally, too
        return True
    with open(file, "rb") as stream:
        again = stream.seekable()
        try:
            contents = stream.read()
        except OSError:
            contents = None
    if contents is None or path in stack:
        words.append("@" + path)  # for clang to complain about
        return True
    for word in split(contents):
        if word[:1] == "@":
            again &= _read_words(word[1:], words, (*stack, path))
        else:
            words.append(word)
    return again


def split(contents: bytes) -> list[str]:
    """Words of a response file in the GNU manner: white space separates, quotes and backslashes protect."""
    if contents[:2] in (b"\xff\xfe", b"\xfe\xff"):
        contents = contents.decode("utf-16", "replace").encode()
    contents = contents.removeprefix(b"\xef\xbb\xbf")
    text = os.fsdecode(contents)
    if not any(c in text for c in "\"'\\\v\f") and text.isascii():
        return text.split()
    words: list[str] = []
    word = quote = ""
    escaped = False
    for c in text:
        if escaped:
            word += c
            escaped = False
        elif c == "\\":
            escaped = True
        elif quote:
            if c == quote:
                quote = ""
            else:
                word += c
        elif c in "\"'":
            quote = c
        elif c in " \t\r\n":
            if word:
                words.append(word)
            word = ""
        else:
            word += c
    if escaped:
        word += "\\"
    return [*words, word] if word else words
