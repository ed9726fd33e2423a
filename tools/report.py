"""`make report`: the largest files, the longest functions and how many assertions there are. To read, not to gate on."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lint import code_only, read, tracked  # noqa: E402


def functions(path):
    """(name, lines) of each function; the house style puts the opening and closing brace in column one."""
    start = name = None
    lines = code_only(read(path)).splitlines()
    for n, line in enumerate(lines):
        m = re.match(r"(\w+)\(", line)
        if m and start is None:
            name = m.group(1)
        if line == "{" and name:
            start = n
        elif line == "}" and start is not None:
            yield name, n - start + 1
            start = name = None


def main():
    files = tracked("src/*.c", "src/*.h")
    sizes = sorted(((read(f).count("\n"), f) for f in files), reverse=True)
    lengths = sorted(((n, f, name) for f in files if f.endswith(".c") for name, n in functions(f)), reverse=True)
    total = sum(n for n, _ in sizes)
    tests = sum(read(f).count("\n") for f in tracked("tests/*"))
    checks = sum(len(re.findall(r"\b(?:CHECK|DEBUG_VERIFY)\(", code_only(read(f)))) for f in files)
    print(f"{len(files)} source files, {total} lines; {len(lengths)} functions; tests {tests} lines")
    print(f"assertions: {checks}, one in {total // max(checks, 1)} lines")
    print("largest files:")
    for n, f in sizes[:10]:
        print(f"  {n:6} {f}")
    print("longest functions:")
    for n, f, name in lengths[:15]:
        print(f"  {n:6} {name} in {f}")


if __name__ == "__main__":
    main()
