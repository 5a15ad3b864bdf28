"""Reads a command line with options of ours: what it wants of us, and the arguments that are for clang."""

from __future__ import annotations

from mlcomp.driver import options
from mlcomp.driver.diagnostics import DriverError, nearest
from mlcomp.driver.response import ResponseFile, Word

_PLACE = "\0"
"""Stands for an -O=ml… until its level is known; no argument can have this character."""


class Request:
    """What a command line asks for. Texts are empty where nothing was said."""

    def __init__(self) -> None:
        self.arguments: list[str] = []  # for clang: without ours, `level_at` says where the level goes
        self.level_at = -1
        self.objective = ""  # of OBJECTIVES; empty if no -O=ml… is in force
        self.own: dict[str, str] = {}  # values of OWN_OPTIONS
        self.target = self.cpu = self.architecture = self.instruction_set = self.width = ""
        self.linker = self.lto = ""
        self.has_input = self.has_code = False
        self.stops_early = self.skips_link = False
        self.keeps_frames = False  # the user wants frame pointers

    @property
    def optimises(self) -> bool:
        """Whether some input goes through the optimiser."""
        return self.has_code and not self.stops_early

    @property
    def links_with_lto(self) -> bool:
        """Whether the linker optimises the whole program at the end."""
        links = self.has_input and not self.stops_early and not self.skips_link
        return links and self.lto in ("-flto", "full", "auto", "jobserver")

    def set_level(self, level: str) -> None:
        """Give clang the level that stands for the objective."""
        self.arguments[self.level_at] = level


def parse(words: list[Word], everywhere: str = "") -> Request:
    """Read the words of a command line; raises `DriverError` for bad values of our options.

    `everywhere` is an -O=ml… that stands in for clang's own levels.
    """
    request = Request()
    language = ""
    last: ResponseFile | None = None
    rest_is_input = False
    at = 0
    while at < len(words):
        start = at
        text, source = words[at]
        at += 1
        if rest_is_input or text[:1] != "-" or text == "-":
            request.has_input = True
            request.has_code |= _is_code(text, language)
        elif text == "--":
            rest_is_input = True
        elif text.startswith("--ml-"):
            _read_own(request, text)
            continue
        elif text.startswith("-Oml"):
            raise DriverError(f"'{text}' is no level; did you mean -O=ml{text[4:]}?")
        elif text.startswith("-O=ml") or (everywhere and text in options.OPTIMISING_LEVELS):
            _read_objective(request, text if text.startswith("-O=ml") else everywhere)
            request.arguments.append(_PLACE)
            last = None
            continue
        else:
            name, value, count = _match(text)
            if name:
                meaning = options.OPTIONS[name][1]
                if count:
                    value = words[at][0] if at < len(words) else ""
                    at = min(at + count, len(words))
                if meaning == options.LANGUAGE:
                    language = _language(name, value)
                elif meaning:
                    _note(request, meaning, name, value)
        for text, source in words[start:at]:
            if source is None:
                request.arguments.append(text)
            elif source is not last:
                request.arguments.append(source.argument)
            last = source
    _drop_overridden_levels(request)
    return request


def _match(text: str) -> tuple[str, str, int]:
    """The option's name in the table (or empty), its joined value, and how many arguments it takes."""
    entry = options.OPTIONS.get(text)
    if entry and entry[0] != options.JOINED:
        takes = 0 if entry[0] == options.FLAG else entry[2] if len(entry) == 3 else 1
        return text, "", takes
    head = text[: text.find("=") + 1]
    for name in (head, text[:2]):
        entry = options.OPTIONS.get(name)
        if entry and entry[0] in (options.JOINED, options.EITHER):
            return name, text[len(name) :], 0
    if text.startswith("-X"):
        for name in ("-Xarch_", "-Xopenmp-target=", "-Xoffload-linker"):
            if text.startswith(name):
                return name, "", 1
    return "", "", 0


def _note(request: Request, meaning: str, name: str, value: str) -> None:
    """Remember what an option of the table says."""
    if meaning == options.LEVEL:
        request.objective = ""
    elif meaning == options.TARGET:
        request.target = value
    elif meaning == options.CPU:
        request.cpu = value
    elif meaning == options.ARCHITECTURE:
        request.architecture = value
    elif meaning == options.INSTRUCTION_SET:
        request.instruction_set = name
    elif meaning == options.WIDTH:
        request.width = name
    elif meaning == options.LTO:
        request.lto = value or name
    elif meaning == options.LINKER:
        request.linker = value
    elif meaning == options.FRAMES:
        request.keeps_frames = name != "-fomit-frame-pointer"
    elif meaning == options.NO_CODE:
        request.stops_early = True
    elif meaning == options.NO_LINK:
        request.skips_link = True


def _language(name: str, value: str) -> str:
    if name.startswith("-Obj"):
        return "objective-c"
    return "" if value == "none" else value


def _is_code(path: str, language: str) -> bool:
    if language:
        return language in options.CODE_LANGUAGES
    stem, dot, extension = path.rpartition("/")[2].rpartition(".")
    return bool(stem and dot) and extension in options.CODE_EXTENSIONS


def _read_objective(request: Request, text: str) -> None:
    name = text.removeprefix("-O=")
    if name not in options.OBJECTIVES:
        hint = nearest(name, list(options.OBJECTIVES))
        raise DriverError(f"unknown objective '{name}' in '{text}'; {hint}")
    request.objective = options.OBJECTIVES[name]
    request.level_at = len(request.arguments)


def _read_own(request: Request, text: str) -> None:
    name, equals, value = text.partition("=")
    if name not in options.OWN_OPTIONS:
        raise DriverError(f"unknown option '{name}'; {nearest(name, list(options.OWN_OPTIONS))}")
    form, values = options.OWN_OPTIONS[name]
    if not value and (equals or form == options.JOINED):
        raise DriverError(f"'{text}' needs a value: {name}={values}")
    request.own[name] = value or "text"


def _drop_overridden_levels(request: Request) -> None:
    """Take out the places of the -O=ml… that a later level replaced."""
    kept = request.level_at if request.objective else -1
    before = sum(1 for a in request.arguments[: max(kept, 0)] if a == _PLACE)
    request.arguments = [a for i, a in enumerate(request.arguments) if a != _PLACE or i == kept]
    request.level_at = kept - before
