#!/usr/bin/env python3
"""The house rules that a compiler does not know. scripts/check runs them; tests/scripts shows that each of them can fail.

  arrows     an #include goes only where src/CMakeLists.txt, the one table, lets its room see
  headers    each header of src/ compiles alone: at the head of its own .cpp, which the build sees to, or here
  purity     core/ and scheduling/: no clock, timer, thread, chance or I/O of their own, nothing iterates an unordered container
  names      a test is Suite.a_true_sentence
  marks      no unfinished marks, no tests switched off
  length     files over 500 lines are listed (a warning)
  format     each C++ file is as .clang-format wants it
  tidy       clang-tidy on core/ and scheduling/, by .clang-tidy
  mutants    the release binary, if it is there, holds none of the switches that break a rule on purpose

  scripts/house.py [rule…]      exit 1 if a rule is broken
"""
import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 500
CODE = {".cpp", ".hpp"}


class Finding(NamedTuple):
    path: str
    line: int
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


class Room(NamedTuple):
    folder: str
    uses: frozenset
    needs: frozenset


# ---- reading ------------------------------------------------------------------------------------------------------------
def rooms_of(cmake: str) -> dict[str, Room]:
    """The table of arrows: baton_room(folder USES … NEEDS …)."""
    rooms = {}
    for body in re.findall(r"^baton_room\(([^)]*)\)", cmake, re.M):
        folder, *words = body.split()
        lists = {"USES": [], "NEEDS": []}
        current = None
        for word in words:
            if word in lists:
                current = lists[word]
            else:
                current.append(word)
        rooms[folder] = Room(folder, frozenset(lists["USES"]), frozenset(lists["NEEDS"]))
    return rooms


def without_comments(text: str, keep_strings: bool = False) -> str:
    """Same lines, same columns; comments, and the insides of strings, blanked."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''  # 10'000 is a number

    def blank(match):
        found = match.group(0)
        if found[0] != "/" and keep_strings:
            return found
        return re.sub(r"[^\n]", " ", found)

    return re.sub(pattern, blank, text, flags=re.S)


def files_under(*folders: str, suffixes=frozenset(CODE), root: Path = ROOT) -> list[Path]:
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                found.append(path)
    return found


def relative(path: Path, root: Path = ROOT) -> str:
    return path.relative_to(root).as_posix()


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def includes(text: str) -> list[tuple[int, str, str]]:
    """(line, `"` or `<`, path) of each #include."""
    code = without_comments(text, keep_strings=True)
    return [(line_of(code, m.start(1)), m.group(1), m.group(2)) for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)', code, re.M)]


# ---- arrows -------------------------------------------------------------------------------------------------------------
# What a library from outside shows of itself: who includes it must have it among its NEEDS.
OUTSIDE = [
    (re.compile(r"boost/"), "Boost::headers"),
    (re.compile(r"openssl/"), "OpenSSL::Crypto"),
    (re.compile(r"sqlite3\.h"), "SQLite::SQLite3"),
    (re.compile(r"yaml\.h"), "PkgConfig::YAML"),
    (re.compile(r"libpq-fe\.h"), "PkgConfig::PQ"),
    (re.compile(r"hiredis/"), "PkgConfig::HIREDIS"),
    (re.compile(r"nlohmann/"), "nlohmann_json::nlohmann_json"),
    (re.compile(r"amqp\w*\.h"), "PkgConfig::RABBITMQ"),
]


def room_of(include: str, rooms: dict[str, Room]) -> str | None:
    """`store/sqlite/store.hpp` -> `store/sqlite`: the deepest room that holds it."""
    parts = include.split("/")[:-1]
    while parts:
        if "/".join(parts) in rooms:
            return "/".join(parts)
        parts.pop()
    return None


def check_arrows(path: str, text: str, rooms: dict[str, Room]) -> list[Finding]:
    """`path` is below src/: `core/dag.cpp`."""
    own = room_of(path, rooms)
    if own is None:
        return [Finding(f"src/{path}", 1, "lives in no room of src/CMakeLists.txt")]
    room = rooms[own]
    found = []
    for line, kind, include in includes(text):
        target = room_of(include, rooms)
        if kind == '"' or target is not None:  # the compiler finds a room's header between either
            if target is None and "/" in include:
                found.append(Finding(f"src/{path}", line, f'"{include}" is in no room of src/CMakeLists.txt'))
            elif target is not None and target != own and target not in room.uses:
                found.append(Finding(f"src/{path}", line, f"'{own}' must not see '{target}' ({include}): no such arrow in src/CMakeLists.txt"))
        for pattern, library in OUTSIDE:
            if pattern.match(include) and library not in room.needs:
                found.append(Finding(f"src/{path}", line, f"'{own}' includes <{include}> without NEEDS {library}"))
    return found


# ---- purity -------------------------------------------------------------------------------------------------------------
PURE = {"core", "scheduling"}
OWN_MEANS = re.compile(
    r"\b(?:system_clock|steady_clock|high_resolution_clock|utc_clock|file_clock)\s*::\s*now\b|"
    r"\b(?:clock_gettime|gettimeofday|timespec_get|localtime|gmtime|std::time|std::clock)\b|"
    r"\b(?:steady_timer|system_timer|high_resolution_timer|deadline_timer|waitable_timer|basic_waitable_timer|io_context|thread_pool|co_spawn|detached)\b|"
    r"\bstd::(?:j?thread|async|mutex|shared_mutex|recursive_mutex|condition_variable\w*|promise|future|latch|barrier|counting_semaphore|this_thread)\b|"
    r"\bthread_local\b|"
    r"\b(?:random_device|default_random_engine|std::rand|srand|getrandom|arc4random|RAND_bytes)\b|"
    r"\bstd::\w+_distribution\b|"  # libraries differ in what they draw
    r"\b(?:o|i)?fstream\b|\bstd::filesystem\b|\b(?:fopen|getenv|std::system|popen)\b|\bstd::(?:cout|cin)\b"
)
OWN_HEADERS = re.compile(
    r"(?:thread|mutex|shared_mutex|condition_variable|future|latch|barrier|semaphore|stop_token|random_device|fstream|filesystem|iostream|ctime|time\.h|"
    r"unistd\.h|fcntl\.h|sys/.*|netinet/.*|signal\.h|csignal|spawn\.h|boost/asio/(?:steady_timer|system_timer|io_context|thread_pool|co_spawn|detached|ip/.*|posix/.*)\.hpp)$"
)


def unordered_names(code: str) -> set[str]:
    """Variables, members and functions whose type is, or holds at its top, an unordered container or an alias of one."""
    names = set()
    aliases = {"unordered_map", "unordered_set", "unordered_multimap", "unordered_multiset"}
    for _ in range(3):  # aliases of aliases
        for m in re.finditer(r"\busing\s+(\w+)\s*=\s*(?:\w+::)*(\w+)\b", code):
            if m.group(2) in aliases:
                aliases.add(m.group(1))
    for m in re.finditer(r"\b(?:" + "|".join(sorted(aliases)) + r")\b", code):
        at = m.end()
        rest = code[at:].lstrip()
        at = len(code) - len(rest)
        if rest.startswith("<"):
            depth = 0
            for i in range(at, len(code)):
                depth += {"<": 1, ">": -1}.get(code[i], 0)
                if depth == 0:
                    at = i + 1
                    break
        named = re.match(r"[\s&*]*(?:const\s*)?[\s&*]*((?:\w+\s*,\s*)*\w+)\s*[;={(,)\[]", code[at:])
        if named:
            names.update(name.strip() for name in named.group(1).split(","))
    return names - {"const", "return", "operator", ""}


def iterations_of(code: str, names: set[str]) -> list[tuple[int, str]]:
    found = []
    if names:
        any_name = "|".join(sorted(names))
        path = r"(?:[\w\]\[()*]+(?:\.|->|::))*"
        patterns = [
            rf"\bfor\s*\([^;{{}}]*?[^:]:\s*[*(]*{path}({any_name})\s*(?:\(\s*\)\s*)?\)",
            rf"\b({any_name})\s*(?:\(\s*\))?\s*(?:\.|->)\s*c?begin\s*\(",
            rf"\b(?:std::|ranges::)c?begin\s*\(\s*{path}({any_name})\b",
            rf"\b(?:ranges|views)::\w+\s*\(\s*{path}({any_name})\b",
            rf"\b{path}({any_name})\s*\|\s*(?:std::)?views::",
        ]
        for pattern in patterns:
            found += [(m.start(), m.group(1)) for m in re.finditer(pattern, code)]
    # A container made in place: for (x : std::unordered_set<int>{…})
    found += [(m.start(), "unordered_*") for m in re.finditer(r"\bfor\s*\([^;{}]*?[^:]:\s*(?:std::)?unordered_\w+", code)]
    return sorted(found)


def check_purity(path: str, text: str, room_names: set[str]) -> list[Finding]:
    """`room_names`: the unordered names declared anywhere in the room, as a member is declared in a header and walked elsewhere."""
    code = without_comments(text)
    found = [Finding(f"src/{path}", line_of(code, m.start()), f"`{m.group(0)}`: time, chance, threads and files come through the ports") for m in OWN_MEANS.finditer(code)]
    for line, _, include in includes(text):
        if OWN_HEADERS.match(include) or (path.startswith("core/") and include.startswith("boost/")):
            found.append(Finding(f"src/{path}", line, f"<{include}> has no place here"))
    for position, name in iterations_of(code, room_names):
        found.append(Finding(f"src/{path}", line_of(code, position), f"`{name}` is unordered: walking it differs from run to run"))
    return found


# ---- tests, marks, length -----------------------------------------------------------------------------------------------
def check_names(path: str, text: str) -> list[Finding]:
    found = []
    code = without_comments(text)
    if path.endswith(".py"):
        for m in re.finditer(r"^\s*(?:async )?def (test\w*)\(", text, re.M):
            if not re.fullmatch(r"test(_[A-Za-z0-9]+){2,}", m.group(1)):
                found.append(Finding(path, line_of(text, m.start(1)), f"{m.group(1)}: name a test by a true sentence, test_it_does_so"))
        return found
    for m in re.finditer(r"^[ \t]*(TYPED_TEST_P|TYPED_TEST|TEST_P|TEST_F|TEST)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)", code, re.M):
        suite, name = m.group(2), m.group(3)
        line = line_of(code, m.start(1))
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", suite):
            found.append(Finding(path, line, f"suite {suite}: PascalCase without `_`"))
        if not re.fullmatch(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)+", name):
            found.append(Finding(path, line, f"{suite}.{name}: name a test by a true sentence, it_does_so"))
    return found


MARKS = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b|\bDIS" + r"ABLED_\w+|@unittest\.sk" + r"ip\b")


def check_marks(path: str, text: str) -> list[Finding]:
    return [Finding(path, line_of(text, m.start()), f"`{m.group(0)}`: an issue, or it is done") for m in MARKS.finditer(text)]


def mutant_names(header: str) -> list[str]:
    """The switches of core/mutants.hpp but for the first, which is none of them."""
    body = re.search(r"enum class Mutant\b[^{]*\{(.*?)\}", without_comments(header), re.S)
    return re.findall(r"\w+", body.group(1))[1:] if body else []


def mutants_in(binary: bytes, names: list[str]) -> list[str]:
    """What of the switches that break a rule on purpose is left in a binary: as text or as a symbol."""
    return [name for name in [*names, "mutant", "Mutant", "MUTANT"] if name.encode() in binary]


# ---- headers alone ------------------------------------------------------------------------------------------------------
class Closure:
    """What a file includes of ours, and theirs, and so on: what its compilation depends on."""

    def __init__(self, roots: list[Path]):
        self.roots = roots
        self.direct: dict[Path, list[Path]] = {}

    def of(self, path: Path) -> list[Path]:
        seen, waiting = set(), [path]
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting += self._direct(here)
        return sorted(seen)

    def _direct(self, path: Path) -> list[Path]:
        if path not in self.direct:
            found = []
            for _, kind, include in includes(path.read_text()):
                if kind == '"':
                    found += [p for p in ((r / include).resolve() for r in [path.parent, *self.roots]) if p.is_file()][:1]
            self.direct[path] = found
        return self.direct[path]

    def digest(self, path: Path, *salt: str) -> str:
        h = hashlib.sha256("\0".join(salt).encode())
        for each in self.of(path):
            h.update(each.as_posix().encode() + b"\0" + each.read_bytes() + b"\0")
        return h.hexdigest()


class Passed:
    """Digests of what has passed before, a file each in build/check/: equal digests need no second look."""

    def __init__(self, kind: str):
        self.folder = ROOT / "build" / "check" / kind
        self.folder.mkdir(parents=True, exist_ok=True)

    def has(self, digest: str) -> bool:
        return (self.folder / digest).exists()

    def add(self, digest: str):
        (self.folder / digest).touch()


def run_each(kind: str, jobs: list[tuple[str, Path, list[str]]]) -> list[str]:
    """Runs the commands of (digest, path, command) whose digest has not passed before, on all cores; gives the outputs of those that fail."""
    passed = Passed(kind)
    waiting = [job for job in jobs if not passed.has(job[0])]

    def one(job):
        digest, path, command = job
        ran = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ran.returncode == 0:
            passed.add(digest)
            return None
        told = [line for line in ran.stdout.splitlines() if not re.match(r"\d+ warnings?( and \d+ errors?)? generated\.", line)]
        return "\n".join(told) or f"{relative(path)}: {command[0]} exited with {ran.returncode}"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = [text for text in pool.map(one, waiting) if text]
    print(f"{kind}: {len(waiting)} of {len(jobs)} looked at, the others have not changed")
    return failed


def compiler_flags() -> list[str]:
    flags = ["-std=c++20", "-fsyntax-only", "-Isrc", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
             "-Wno-missing-designated-field-initializers", "-DBOOST_ASIO_NO_DEPRECATED", '-DBATON_VERSION="0"']
    if (ROOT / "build/boost/usr/include").exists():
        flags += ["-isystem", "build/boost/usr/include"]
    return flags


def heads_its_source(header: Path) -> bool:
    """Whether the header is the first thing that its own .cpp includes: then that one's compilation (in the release tree, which has no
    precompiled header) has shown that it needs nothing before it."""
    source = header.with_suffix(".cpp")
    if not source.exists():
        return False
    first = [what for _, *what in includes(source.read_text())[:1]]
    return first == [['"', header.relative_to(ROOT / "src").as_posix()]]


def check_headers() -> list[str]:
    closure = Closure([ROOT / "src"])
    flags = compiler_flags()
    headers = [h for h in files_under("src", suffixes={".hpp"}) if not heads_its_source(h)]
    return run_each("headers", [(closure.digest(h, *flags), h, ["clang++-19", *flags, "-x", "c++", "-include", relative(h), "/dev/null"]) for h in headers])


def check_format() -> list[str]:
    style = (ROOT / ".clang-format").read_text()
    jobs = []
    for path in files_under("src", "apps", "tests", "bench"):
        digest = hashlib.sha256(f"{style}\0{path}\0{path.read_text()}".encode()).hexdigest()
        jobs.append((digest, path, ["clang-format-19", "--dry-run", "-Werror", relative(path)]))
    places = [re.match(r"[^:\n]+", text).group(0) + f": {text.count('error:')} places are not as .clang-format wants them" for text in run_each("format", jobs)]
    return [*places, "scripts/check --fix formats these"] if places else []


def check_tidy() -> list[str]:
    commands = ROOT / "build/release/compile_commands.json"
    if not commands.exists():
        return ["tidy: build/release is not there: run scripts/build first"]
    closure = Closure([ROOT / "src"])
    salt = (ROOT / ".clang-tidy").read_text()
    tidy = ["clang-tidy-19", "-p", "build/release", "--quiet", "--extra-arg=-Wno-deprecated-declarations"]
    sources = files_under(*(f"src/{room}" for room in sorted(PURE)), suffixes={".cpp"})
    return run_each("tidy", [(closure.digest(s, salt, *tidy), s, [*tidy, relative(s)]) for s in sources])


def check_mutants() -> list[Finding]:
    binaries = [path for path in (ROOT / "build/release/baton", ROOT / "build/release/baton-serve") if path.exists()]
    if not binaries:
        print("mutants: there is no build/release/baton to look at")
    names = mutant_names((ROOT / "src/core/mutants.hpp").read_text())
    return [Finding(relative(binary), 1, f"a release binary holds `{name}`") for binary in binaries for name in mutants_in(binary.read_bytes(), names)]


# ---- all together -------------------------------------------------------------------------------------------------------
def main(wanted: list[str]) -> int:
    everything = ["arrows", "purity", "names", "marks", "length", "format", "headers", "tidy", "mutants"]
    unknown = set(wanted) - set(everything)
    if unknown:
        print(f"house: no such rule: {', '.join(sorted(unknown))} (there are: {', '.join(everything)})", file=sys.stderr)
        return 2
    wanted = wanted or everything
    rooms = rooms_of((ROOT / "src/CMakeLists.txt").read_text())
    if not rooms:
        print("house: src/CMakeLists.txt holds no baton_room(): the rules would pass unseen", file=sys.stderr)
        return 2
    sources = {relative(p): p.read_text() for p in files_under("src")}
    tests = {relative(p): p.read_text() for p in files_under("tests", suffixes=CODE | {".py"})}
    others = {relative(p): p.read_text() for p in files_under("apps", "bench", "examples", suffixes=CODE | {".py"})}

    found: list[object] = []
    if "arrows" in wanted:
        for path, text in sources.items():
            found += check_arrows(path.removeprefix("src/"), text, rooms)
    if "purity" in wanted:
        for room in PURE:
            inside = {path: text for path, text in sources.items() if path.startswith(f"src/{room}/")}
            names = set().union(*(unordered_names(without_comments(text)) for text in inside.values()))
            for path, text in inside.items():
                found += check_purity(path.removeprefix("src/"), text, names)
    if "names" in wanted:
        for path, text in tests.items():
            found += check_names(path, text)
    if "marks" in wanted:
        for path, text in {**sources, **tests, **others}.items():
            found += check_marks(path, text)
    if "length" in wanted:
        for path, text in {**sources, **tests, **others}.items():
            if text.count("\n") > LINES_MAX:
                print(f"warning: {path}: {text.count(chr(10))} lines, perhaps two things in one room")
    if "format" in wanted:
        found += check_format()
    if "headers" in wanted:
        found += check_headers()
    if "tidy" in wanted:
        found += check_tidy()
    if "mutants" in wanted:
        found += check_mutants()
    for each in found:
        print(each, file=sys.stderr)
    print(f"house: {len(sources)} files of src/, {len(tests)} of tests/, {len(rooms)} rooms: {len(found)} broken rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
