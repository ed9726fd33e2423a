"""Prints compile_commands.json: compile-commands.py 'COMPILER FLAGS' FILE..."""
import json
import os
import sys

here = os.getcwd()
print(json.dumps([{"directory": here, "file": f, "command": f"{sys.argv[1]} -c {f}"} for f in sys.argv[2:]], indent=1))
