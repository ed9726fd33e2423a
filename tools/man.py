"""Writes a man page from a program's --help: man.py PROGRAM > PROGRAM.1

The option table has its home in the program; the page only arranges it. Texts that no --help has room for are here.
"""
import os
import re
import subprocess
import sys

PROGRAMS = ("sorrel-server", "sorrel-cli", "sorrel-benchmark", "sorrel-check")

EXTRA = {
    "sorrel-cli": [
        ("INTERACTIVE USE", [
            "Without a command and on a terminal, lines are edited with the usual keys; Tab completes commands, "
            "subcommands, options and names of keys, Ctrl-R searches the history, and what may follow is shown faintly "
            "as you type, all from what the server itself says of its commands.",
            "A number in front of a command repeats it. \\fBhelp\\fR \\fICOMMAND\\fR and \\fBhelp @\\fR\\fIGROUP\\fR "
            "explain; \\fBconnect\\fR \\fIHOST PORT\\fR goes elsewhere; \\fBclear\\fR, \\fBquit\\fR and \\fBexit\\fR do "
            "what they say. Ctrl-C ends a command that waits, or gives up the line. While messages of subscriptions come, any "
            "key brings the prompt back."]),
        ("URLS", [
            "\\fBredis://\\fR[\\fIUSER\\fR[:\\fIPASSWORD\\fR]@]\\fIHOST\\fR[:\\fIPORT\\fR][/\\fIDB\\fR], \\fBrediss://\\fR the same over TLS, "
            "\\fBunix:///\\fR\\fIPATH\\fR?db=\\fIN\\fR; \\fBvalkey://\\fR and \\fBvalkeys://\\fR are the same as the first two.",
            "\\fBredis+sentinel://\\fR[\\fIUSER\\fR:\\fIPASSWORD\\fR@]\\fIHOST\\fR[:\\fIPORT\\fR],...\\fB/\\fR\\fIDB\\fR\\fB/\\fR\\fISERVICE\\fR "
            "asks these Sentinels where the service's master is. User and password are the master's; the Sentinels' own are "
            "given as ?sentinel_username= and &sentinel_password="]),
        ("ENVIRONMENT", [
            "\\fBREDISCLI_AUTH\\fR is the password if no option gives one. \\fBREDISCLI_CLUSTER_YES\\fR=1 answers the questions of "
            "\\fB--cluster\\fR. \\fBSORRELCLI_HISTFILE\\fR (or "
            "\\fBREDISCLI_HISTFILE\\fR) is the file of the history; /dev/null keeps none. \\fBNO_COLOR\\fR, if not "
            "empty, switches colours off. Replies that are longer than the screen go through \\fBSORREL_CLI_PAGER\\fR, "
            "else \\fBPAGER\\fR, else less(1); an empty one prints them at once."]),
        ("FILES", ["\\fI~/.redisclirc\\fR, or what \\fBREDISCLI_RCFILE\\fR names: preferences, one a line. \\fB:set nohints\\fR is the one "
                   "there is; it may be typed at the prompt too.",
                   "\\fI~/.sorrelcli_history\\fR: lines typed before, readable by their owner only. Lines that hold a "
                   "password are never stored."]),
    ],
    "sorrel-benchmark": [
        ("RESULTS", [
            "Latency is measured from sending a pipeline to its last reply; with \\fB--rate\\fR from the time at which "
            "it should have been sent, so that a server that stalls is charged for everything that had to wait.",
            "\\fB--csv\\fR has the columns of redis-benchmark. \\fB--compare\\fR prints the ratio of the first server "
            "to the second; the server's processor time comes from its INFO.",
            "\\fB--html\\fR writes a page of its own with throughput and latency over time and latency by percentile."]),
        ("ENVIRONMENT", ["\\fBREDISCLI_AUTH\\fR is the password if no option gives one."]),
    ],
    "sorrel-server": [
        ("SIGNALS", [
            "SIGTERM and SIGINT save what \\fBshutdown-on-sigterm\\fR and \\fBshutdown-on-sigint\\fR ask for (by default, what save points ask for) and end the server."]),
        ("FILES", [
            "\\fIdump.rdb\\fR and \\fIappendonlydir/\\fR in \\fBdir\\fR: the snapshot and the append-only file, as redis-server "
            "writes and reads them. sorrel-check(1) looks at both.",
            "\\fI/usr/local/share/doc/sorrel/sorrel.conf\\fR, or wherever it was installed: a configuration to begin with."]),
    ],
}


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def names(program):
    """(what it is, its usage lines, the rest of its help)."""
    lines = output(program, "--help", "all") if program.endswith("cli") else output(program, "--help")
    if lines[0].startswith("usage:"):
        return lines[1].rstrip("."), lines[:1], lines[2:]
    start = next(i for i, line in enumerate(lines) if line.startswith("usage:"))
    end = lines.index("", start)
    return lines[0].partition(": ")[2], lines[start:end], lines[end:]


def arrange(lines):
    """The lines of a help: options and such as a list, headings, examples, text."""
    out = []
    for i, line in enumerate(lines):
        following = next((other for other in lines[i + 1:] if other.strip()), "")
        entry = re.match(r"  (\S.*?)\s{2,}(\S.*)$", line) or re.match(r"  (-\S+(?: \S+)?) (\S.*)$", line)
        if entry:
            flag, _, value = entry.group(1).partition(" ")
            out += [".TP", f"\\fB{escape(flag)}\\fR" + (f" \\fI{escape(value)}\\fR" if value else ""), escape(entry.group(2))]
        elif line.startswith("   ") and line.strip():
            out.append(escape(line.strip()))  # goes on
        elif line.startswith("  ") and line.strip():
            out += [".br", f"\\fB{escape(line.strip())}\\fR", ".br"]
        elif line.strip() and following.startswith("  -") and len(line) < 40:
            out += [f".SS {escape(line.rstrip(':'))}"]
        elif line.strip() and (line.startswith("xamples") or line.lower().rstrip() == "examples:"):
            out += [".SS Examples"]
        elif line.strip():
            out += [".PP" if i == 0 or not lines[i - 1].strip() else None, escape(line)]
    return [o for o in out if o is not None]


def page(program):
    name = os.path.basename(program)
    about, usage, rest = names(program)
    version = " ".join(output(program, "--version")[0].split()[:2])
    if not version.startswith("sorrel"):
        version = name
    out = [f'.\\" Written by tools/man.py from {name} --help.', f'.TH {name.upper()} 1 "" "{version}"', ".SH NAME",
           f"{name} \\- {escape(about[0].lower() + about[1:])}", ".SH SYNOPSIS"]
    for line in usage:
        out += [escape(re.sub("^usage:", "", line).strip()), ".br"]
    out += [".SH OPTIONS"] + arrange(rest)
    if name == "sorrel-cli":
        out += [".SH CLUSTERS"] + arrange(output(program, "--cluster", "help")[1:])
    for title, paragraphs in EXTRA.get(name, []):
        out += [f".SH {title}", "\n.PP\n".join(p.replace("-", "\\-") for p in paragraphs)]
    others = ", ".join(f"{escape(p)}(1)" for p in PROGRAMS if p != name)
    return "\n".join([*out, ".SH SEE ALSO", others])


print(page(sys.argv[1]))
