"""Runs stages of the tests and sums them up.

    run-tests.py --build DIR [--bin DIR] STAGE...

Stages: unit (cmocka programs), script (tests/script in an in-process engine), tcp (the same files against the real
server), differential (a short run against redis-server), system (real processes and clients; COMMAND and INFO beside the
oracle's).

A stage that passes says one line; one that fails shows what its tests printed. The last line is always
"N passed, N failed", over all stages.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = sys.executable


def run(cmd, timeout, env=None):
    """(exit code, output) of a command with no standard input; a hanging one is killed and fails."""
    try:
        p = subprocess.run(cmd, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=timeout, env=env)
        return p.returncode, p.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as e:
        return 124, (e.stdout or b"").decode("utf-8", "replace") + f"\nkilled after {timeout} s\n"


def show(title, text, limit=60):
    lines = text.strip().splitlines()
    print(f"--- {title}")
    if len(lines) > limit:
        print(f"... {len(lines) - limit} lines left out ...")
        lines = lines[-limit:]
    print("\n".join(lines), flush=True)


def last_counts(text):
    """The numbers of the last "N passed, N failed" line."""
    found = re.findall(r"(\d+) passed, (\d+) failed", text)
    return (int(found[-1][0]), int(found[-1][1])) if found else None


def stage_unit(args):
    programs = sorted(p for p in glob.glob(os.path.join(args.build, "unit", "**", "*"), recursive=True)
                      if os.path.isfile(p) and os.access(p, os.X_OK))
    # A program whose source has gone may still lie in the build folder.
    programs = [p for p in programs
                if os.path.exists(os.path.join("tests/unit", os.path.relpath(p, os.path.join(args.build, "unit")) + ".c"))]
    passed = failed = 0

    def one(program):
        return program, run([program], args.patience)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for program, (code, out) in pool.map(one, programs):
            ok = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", out))
            bad = sum(int(n) for n in re.findall(r"\[  FAILED  \] (?:.*: )?(\d+) test", out))
            if code != 0 and bad == 0:
                bad = 1
            passed, failed = passed + ok, failed + bad
            if bad:
                show(os.path.relpath(program), out)
    return passed, failed


def counted(name, cmd, timeout, args):
    """A stage that is one program ending with "N passed, N failed"."""
    code, out = run(cmd, timeout)
    counts = last_counts(out)
    if counts is None:
        show(name, out)
        return 0, 1
    passed, failed = counts
    if code != 0 and failed == 0:
        failed = 1
    if failed:
        show(name, out, 120)
    return passed, failed


def stage_script(args):
    host = os.path.join(args.build, "bin", "script-host")
    if not os.path.exists(host):
        return 0, 0
    return counted("script", [PYTHON, "tests/script/run.py", "--host", host], 300, args)


def stage_tcp(args):
    return counted("tcp", [PYTHON, "tests/script/run.py", "--server", os.path.join(args.bin, "sorrel-server")],
                   300, args)


def stage_differential(args):
    return counted("differential", [PYTHON, "tests/differential/run.py", "--server",
                                    os.path.join(args.bin, "sorrel-server"), "--quick"], 300, args)


def uses_the_tree(path):
    """Whether a file's tests build or unpack something in the tree, which must not happen twice at a time."""
    with open(path, encoding="utf-8") as f:
        return re.search(r'"make"|import .*\bbuild\b|def test\w*\([^)]*\b(?:node|exporter)\b', f.read()) is not None


def pytest_counts(files, args):
    """(passed, failed, skipped, output) of the tests in these files."""
    with tempfile.TemporaryDirectory() as tmp:
        report = os.path.join(tmp, "report.xml")
        env = dict(os.environ, SORREL_BIN=os.path.abspath(args.bin), PYTHONDONTWRITEBYTECODE="1")
        code, out = run([PYTHON, "-m", "pytest", "-q", "-x" if args.first else "-q", "--no-header", "-p",
                         "no:cacheprovider", f"--junitxml={report}", *files], 2400, env)
        try:
            suites = list(ET.parse(report).getroot().iter("testsuite"))
        except (OSError, ET.ParseError):
            return 0, 1, 0, out
    total, failed, skipped = (sum(int(s.get(name)) for s in suites for name in names)
                              for names in (("tests",), ("failures", "errors"), ("skipped",)))
    if code not in (0, 5):
        failed = max(failed, 1)
    return total - failed - skipped, failed, skipped, out


def stage_system(args):
    """Two at a time, for most of these tests wait most of the time: those that use the tree, and the others."""
    files = sorted(glob.glob("tests/system/test_*.py") + glob.glob("tests/differential/test_*.py"))
    groups = [g for g in ([f for f in files if uses_the_tree(f)], [f for f in files if not uses_the_tree(f)]) if g]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(groups)) as pool:
        for p, f, skipped, out in pool.map(lambda group: pytest_counts(group, args), groups):
            passed, failed = passed + p, failed + f
            if f:
                show("system", out, 150)
            elif skipped:
                print(f"system: {skipped} skipped")
    return passed, failed


STAGES = {"unit": stage_unit, "script": stage_script, "tcp": stage_tcp, "differential": stage_differential,
          "system": stage_system}
NEEDS = {"tcp": "tests/script/run.py", "differential": "tests/differential/run.py", "system": "tests/system"}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--bin", default="build/bin")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--patience", type=int, default=180, help="seconds for each unit program (sanitizers make them slow)")
    ap.add_argument("--first", action="store_true", help="stop the system stage at the first failure")
    ap.add_argument("stages", nargs="+", choices=list(STAGES))
    args = ap.parse_args()
    os.chdir(ROOT)
    passed = failed = 0
    for name in args.stages:
        if name in NEEDS and not os.path.exists(NEEDS[name]):
            continue
        start = time.monotonic()
        p, f = STAGES[name](args)
        print(f"{name}: {p} passed, {f} failed ({time.monotonic() - start:.1f} s)", flush=True)
        passed, failed = passed + p, failed + f
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
