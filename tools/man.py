"""Writes a man page from a program's --help: man.py PROGRAM > PROGRAM.1

The option table has its home in the program; the page only arranges it. Texts that no --help has room for are here.
"""
import os
import re
import subprocess
import sys

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
        ("ENVIRONMENT", [
            "\\fBREDISCLI_AUTH\\fR is the password if no option gives one. \\fBSORRELCLI_HISTFILE\\fR (or "
            "\\fBREDISCLI_HISTFILE\\fR) is the file of the history; /dev/null keeps none. \\fBNO_COLOR\\fR, if not "
            "empty, switches colours off. Replies that are longer than the screen go through \\fBSORREL_CLI_PAGER\\fR, "
            "else \\fBPAGER\\fR, else less(1); an empty one prints them at once."]),
        ("FILES", ["\\fI~/.sorrelcli_history\\fR: lines typed before, readable by their owner only. Lines that hold a "
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
}


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def main():
    program = sys.argv[1]
    name = os.path.basename(program)
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout.splitlines()
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    about = text[1].rstrip(".")
    out = [f'.\\" Written by tools/man.py from {name} --help.', f'.TH {name.upper()} 1 "" "{version}"', ".SH NAME",
           f"{name} \\- {about[0].lower() + about[1:]}", ".SH SYNOPSIS",
           escape(text[0].replace("usage: ", "")), ".SH OPTIONS"]
    rest = []
    for line in text[2:]:
        m = re.match(r"  (-\S+(?: \S+)?)\s{1,}(.+)$", line)
        if m and not rest:
            flag, _, value = m.group(1).partition(" ")
            out += [".TP", f"\\fB{escape(flag)}\\fR" + (f" \\fI{escape(value)}\\fR" if value else ""),
                    escape(m.group(2))]
        elif line.strip() and out[-1] != ".SH OPTIONS":
            rest.append(line)
    for title, paragraphs in EXTRA.get(name, []):
        out.append(f".SH {title}")
        out.append("\n.PP\n".join(p.replace("-", "\\-") for p in paragraphs))
    out.append(".SH NOTES AND EXAMPLES")
    for line in rest:
        if line.startswith("  "):
            out += [".br", f"\\fB{escape(line.strip())}\\fR", ".br"]
        else:
            out += [".PP", escape(line)]
    print("\n".join(out))


main()
