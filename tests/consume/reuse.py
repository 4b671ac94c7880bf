"""Compiles a source, or copies the object that another build folder has of it.

reuse.py BUILD FETCHED COMPILER ARGUMENTS...

BUILD is descent's own build folder, FETCHED the folder where a project that fetches descent builds
it. An object is taken from BUILD if it was compiled there by the same command, but for warnings,
which do not change what is compiled, and for the names of the two folders.
"""
import json
import os
import re
import shlex
import shutil
import sys


def compared(words):
    """A command without its warnings and without what only says where to write."""
    kept = []
    words = iter(words)
    for word in words:
        if word in ("-o", "-MF", "-MT"):
            next(words)
        elif not re.match(r"-W(?!l,)|-MD$|-fdiagnostics-color", word):
            kept.append(word)
    return kept


def after(words, option):
    return words[words.index(option) + 1]


build, fetched = sys.argv[1:3]
command = sys.argv[3:]
source = after(command, "-c").replace(fetched, build)
wanted = [word.replace(fetched, build) for word in compared(command)]
with open(os.path.join(build, "compile_commands.json")) as file:
    for entry in json.load(file):
        if entry["file"] != source:
            continue
        words = shlex.split(entry["command"])
        made = os.path.join(entry["directory"], after(words, "-o"))
        if compared(words) == wanted and os.path.exists(made):
            shutil.copyfile(made, after(command, "-o"))
            with open(after(command, "-MF"), "w") as dependencies:
                dependencies.write(after(command, "-o") + ":\n")
            sys.exit(0)
os.execvp(command[0], command)
