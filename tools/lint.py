"""The gates of `make lint`: layers, mutable globals, banned calls, warnings, formatting, clang-tidy, and nothing private
in the tree.

Each gate prints what it found as file:line: message and the whole ends with one line per gate. Exit code 1 when any gate
found something.

usage: lint.py --build DIR [--jobs N] [--only gate,gate]
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=ROOT,
                         capture_output=True, text=True, check=True).stdout
    return sorted(f for f in out.splitlines() if os.path.isfile(os.path.join(ROOT, f)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


def code_only(text):
    """The C text with comments and the contents of literals blanked, line numbers kept."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[0]
        return re.sub(r"[^\n]", " ", s)

    return pattern.sub(blank, text)


# -- layers --------------------------------------------------------------------------------------------------------

def layer_table():
    layers, only = {}, {}
    for line in read("tools/layers.txt").splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        layers[words[0]] = int(words[1])
        if words[2:3] == ["only"]:
            only[words[0]] = set(words[3:])
    return layers, only


def gate_layers(args):
    layers, only = layer_table()
    found = []
    for path in tracked("src/*.c", "src/*.h"):
        parts = path.split("/")
        own = parts[1]
        if own not in layers:
            found.append(f"{path}:1: folder src/{own} has no layer in tools/layers.txt")
            continue
        includes = 0
        for n, line in enumerate(read(path).splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m:
                continue
            includes += 1
            name = m.group(1)
            folder = name.split("/")[0] if "/" in name else own
            if folder == "sorrel" and "/" in name:
                continue
            if "/" not in name:
                found.append(f'{path}:{n}: include "{own}/{name}" by its folder')
            elif name.endswith("_priv.h") and folder != own:
                found.append(f"{path}:{n}: {name} is for its own folder only")
            elif name.endswith(".c"):
                found.append(f"{path}:{n}: a source file is not included")
            elif folder == own:
                continue
            elif folder not in layers:
                found.append(f"{path}:{n}: folder {folder} has no layer in tools/layers.txt")
            elif own in only and folder not in only[own]:
                found.append(f"{path}:{n}: src/{own} may include only {', '.join(sorted(only[own]))}")
            elif own not in only and layers[folder] >= layers[own]:
                found.append(f"{path}:{n}: src/{own} (layer {layers[own]}) may not include src/{folder} "
                             f"(layer {layers[folder]})")
        if path.endswith(".h") and includes > 16:
            found.append(f"{path}:1: includes {includes} headers: no header includes everything")
    return found


# -- mutable globals -----------------------------------------------------------------------------------------------

# The logger's sink and level, and the allocator's counters: CONVENTIONS' two exceptions; and one of the library's.
GLOBALS_ALLOWED = {"base/log": {"sink", "level_min", "lock"},
                   # One shared manager in a process is what sorrel/manager.h promises.
                   "client/manager": {"shared_once", "shared_manager"},
                   "server/crash": {"report"},
                   "base/mem": {"threads", "bytes_counted", "thread_count", "departed_balance", "pages_counted", "threads_lock", "attached",
                                "fail_countdown", "malloc_conf"}}


def gate_globals(args):
    """Every writable symbol (nm's b, B, d, D, C) in an object of src/ that is not on the list. Tables of constant
    pointers are in .data.rel.ro and reported as d by nm: the section decides."""
    found = []
    for path in tracked("src/*.c"):
        obj = os.path.join(ROOT, args.build, path[:-2] + ".o")
        if not os.path.exists(obj):
            found.append(f"{path}:1: {obj} is not there: build first")
            continue
        out = subprocess.run(["nm", "--format=sysv", obj], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            cols = [c.strip() for c in line.split("|")]
            if len(cols) < 7:
                continue
            name, section = cols[0], cols[6]
            kind = cols[2]
            if kind not in "bBdDCsSgG" or not kind:
                continue
            if section.startswith(".data.rel.ro") or section.startswith(".rodata"):
                continue
            if not re.match(r"\.(data|bss|tdata|tbss)|\*COM\*", section) or section == "":
                continue
            base = name.split(".")[0]
            if base.startswith("__asan") or base.startswith("__tsan") or base == "":
                continue
            if base in GLOBALS_ALLOWED.get(path[4:-2], ()):
                continue
            found.append(f"{path}:1: mutable global {base}")
    return found


# -- banned calls --------------------------------------------------------------------------------------------------

BANNED = {
    "strcpy": "has no bound", "strcat": "has no bound", "sprintf": "has no bound: snprintf", "vsprintf": "has no bound",
    "gets": "has no bound", "strncpy": "does not end its string: memcpy with a checked length",
    "strncat": "is misread by everybody", "atoi": "cannot report an error: parse_int64", "atol": "cannot report an error",
    "atoll": "cannot report an error", "atof": "cannot report an error", "strtok": "keeps state: walk a slice",
    "alloca": "has no bound", "scanf": "use the parsers of base/number.h", "sscanf": "use the parsers of base/number.h",
    "fscanf": "use the parsers of base/number.h", "malloc": "use base/mem.h", "calloc": "use base/mem.h",
    "realloc": "use base/mem.h", "free": "use base/mem.h", "strdup": "use base/mem.h", "strndup": "use base/mem.h",
    "asprintf": "use buf_printf", "vasprintf": "use buf_vprintf", "rand": "use base/rng.h", "srand": "use base/rng.h",
    "random": "use base/rng.h", "srandom": "use base/rng.h", "drand48": "use base/rng.h", "time": "use struct clock",
    "gettimeofday": "use struct clock", "clock_gettime": "use struct clock", "tmpnam": "races", "mktemp": "races",
    "system": "runs a shell", "popen": "runs a shell", "localtime": "keeps state: localtime_r",
    "gmtime": "keeps state: gmtime_r", "ctime": "keeps state", "asctime": "keeps state",
    "setlocale": "changes how numbers are printed", "signal": "use sigaction", "longjmp": "skips clean-up",
    "tolower": "follows the locale: ascii_lower", "toupper": "follows the locale", "isspace": "follows the locale",
    "isalpha": "follows the locale", "isalnum": "follows the locale", "strcasecmp": "follows the locale: slice_eq_nocase",
}
BANNED_ALLOWED = {
    "src/base/mem.c": {"malloc", "calloc", "realloc", "free"},
    "src/base/clock.c": {"clock_gettime"},
}
# Above the engine somebody has to know the machine's clock; base/clock.c is the only one who asks it.


def gate_banned(args):
    found = []
    call = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path in tracked("src/*.c", "src/*.h"):
        allowed = BANNED_ALLOWED.get(path, set())
        for n, line in enumerate(code_only(read(path)).splitlines(), 1):
            for m in call.finditer(line):
                name = m.group(1)
                if name not in allowed:
                    found.append(f"{path}:{n}: {name}() {BANNED[name]}")
            # A function's type may return one.
            if re.search(r"\btypedef\s+(struct|union|enum)\b(?!\s+\w+\s*\**\w+\()", line):
                found.append(f"{path}:{n}: no typedef of a struct, union or enum")
    return found


# -- warnings ------------------------------------------------------------------------------------------------------

# Beyond what every build has as errors. Conversions are checked where sizes from outside are turned into ours.
EXTRA_WARNINGS = {
    "": ["-Wlogical-op", "-Wduplicated-cond", "-Wduplicated-branches", "-Wjump-misses-init", "-Wredundant-decls",
         "-Wold-style-definition", "-Wnested-externs", "-Walloca"],
    "src/base/": ["-Wconversion", "-Wno-sign-conversion"],
}


def cached(args, kind, key_text, run):
    """Runs `run` unless the same input passed before; only passes are remembered."""
    folder = os.path.join(ROOT, "build", "lint")
    os.makedirs(folder, exist_ok=True)
    mark = os.path.join(folder, kind + "-" + hashlib.sha256(key_text.encode("utf-8", "surrogateescape")).hexdigest())
    if os.path.exists(mark):
        return []
    found = run()
    if not found:
        open(mark, "w").close()
    return found


def dependencies(args, path):
    """The file and every project header it includes, as one text."""
    dep = os.path.join(ROOT, args.build, path[:-2] + ".d")
    files = [path]
    if os.path.exists(dep):
        with open(dep) as f:
            words = f.read().split("\n\n")[0].replace("\\\n", " ").split()
        files += sorted(w for w in words[1:] if w.startswith(("src/", "include/")) and w != path and os.path.exists(w))
    return "".join(f + "\0" + read(f) for f in files)


def compile_flags(path):
    with open(os.path.join(ROOT, "compile_commands.json")) as f:
        for row in json.load(f):
            if row["file"] == path:
                return row["command"].split()[1:-2]
    return None


def gate_warnings(args):
    def one(path):
        flags = compile_flags(path)
        if flags is None:
            return [f"{path}:1: not in compile_commands.json"]
        extra = [w for prefix, ws in EXTRA_WARNINGS.items() if path.startswith(prefix) for w in ws]
        flags = [f for f in flags if f != "-g"]

        def run():
            p = subprocess.run(["gcc", *flags, *extra, "-fsyntax-only", path], cwd=ROOT, capture_output=True, text=True)
            return [] if p.returncode == 0 else p.stderr.strip().splitlines()

        return cached(args, "warn", " ".join(flags + extra) + dependencies(args, path), run)

    return in_parallel(args, one, tracked("src/*.c"))


def in_parallel(args, one, files):
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        return [line for lines in pool.map(one, files) for line in lines]


def gate_tidy(args):
    tidy = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if tidy is None:
        return ["tools/lint.py:1: clang-tidy-14 is not installed (tools/install-deps.sh test)"]

    def one(path):
        def run():
            p = subprocess.run([tidy, "--quiet", "-p", ROOT, path], cwd=ROOT, capture_output=True, text=True)
            lines = [line for line in p.stdout.splitlines() if re.search(r": (warning|error): ", line)]
            return [os.path.relpath(line, ROOT) if line.startswith(ROOT) else line for line in lines]

        return cached(args, "tidy", read(".clang-tidy") + dependencies(args, path), run)

    return in_parallel(args, one, tracked("src/*.c"))


def gate_format(args):
    """What `make fmt` would change. Tables and lists that are laid by hand stand between clang-format off and on."""
    tool = shutil.which("clang-format-14")
    if tool is None:
        return ["tools/lint.py:1: clang-format-14 is not installed (tools/install-deps.sh test)"]

    def one(path):
        def run():
            p = subprocess.run([tool, "--dry-run", "--Werror", path], cwd=ROOT, capture_output=True, text=True)
            return [line for line in p.stderr.splitlines() if ": error: " in line]

        return cached(args, "format", read(".clang-format") + read(path), run)

    return in_parallel(args, one, tracked("src/*.[ch]", "tests/*.[ch]", "include/*.h"))


# -- what must not be in the tree ----------------------------------------------------------------------------------

def gate_private(args):
    """Absolute paths of somebody's machine, and hosts of package registries (a lock file that names one breaks
    everybody behind another mirror)."""
    words = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/\w|" +
                       r"registry\.(?:npmjs|yarnpkg)|files\.pythonhosted|artifactregistry|deb\.debian\.org|pypi\.org")
    found = []
    for path in tracked():
        if path == "tools/lint.py":
            continue
        text = read(path)
        if "\0" in text:
            continue
        for n, line in enumerate(text.splitlines(), 1):
            m = words.search(line)
            if m:
                found.append(f"{path}:{n}: must not be in the tree: {m.group(0)}")
    return found


GATES = {"layers": gate_layers, "globals": gate_globals, "banned calls": gate_banned, "warnings": gate_warnings,
         "private names": gate_private, "formatting": gate_format, "clang-tidy": gate_tidy}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--only")
    args = ap.parse_args()
    os.chdir(ROOT)
    bad = 0
    for name, gate in GATES.items():
        if args.only and name not in args.only.split(","):
            continue
        found = gate(args)
        for line in found[:60]:
            print(line)
        if len(found) > 60:
            print(f"... and {len(found) - 60} more")
        print(f"lint: {name}: {'ok' if not found else str(len(found)) + ' found'}")
        bad += bool(found)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
