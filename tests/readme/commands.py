"""commands.py ROOT DESCENT FOLDER [PYTHON PYTHONPATH]: what the pages tell a reader to type works.

Runs each line of a block without a language that begins with build/release/bin/descent, in FOLDER,
which is made anew, and the Python of docs/migrating.md where there is a PYTHON with torch. The
commands of docs/landscapes.md have a test of their own.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

root, descent, folder, *python = sys.argv[1:]
root, folder = pathlib.Path(root), pathlib.Path(folder)
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
count = 0


def run(page, *command, **settings):
    global count
    count += 1
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **settings)
    if done.returncode != 0:
        sys.exit(f"{page}: {' '.join(command)}\n{done.stdout}{done.stderr}")


for page in [root / "README.md", *sorted(root.glob("docs/*.md"))]:
    if page.name == "landscapes.md":
        continue
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="ascii"),
                        re.DOTALL | re.MULTILINE)
    for language, text in blocks:
        if language == "python" and python:
            run(page, python[0], "-c", text, env={**os.environ, "PYTHONPATH": python[1]})
        for line in text.splitlines() if language == "" else ():
            if line.startswith("build/release/bin/descent "):
                run(page, descent, *shlex.split(line, comments=True)[1:], "--force")
print(f"{count} commands")
