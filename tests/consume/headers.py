"""Checks the headers of the tree. Needs no build and no CMake:

headers.py SOURCE             links, names and boundaries of rooms
headers.py SOURCE COMPILER... what each public header opens; COMPILER with its options of LibTorch

What <descent/ROOM.h> lists and the HEADERS of the room's CMakeLists.txt are installed, for users; its
SHARED are for the other rooms and the programs of this tree; all others are the room's own.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

# How many headers a public header may open, itself included: the first pattern that matches counts.
# LibTorch's optimizer opens 870 headers, a header of the standard library up to 240.
LIMITS = [(r"(base|grid|pictures)\b", 300), (r"optim/\w+\.h$", 250), (r"surfaces/functions/", 400),
          (r"", 1100)]
# Each of these opens thousands of headers more.
HEAVY = ["torch/nn/module.h", "torch/serialize/archive.h", "ATen/Functions.h"]
# LibTorch's own optimizers, which ours are, cannot be had without them.
MAY_BE_HEAVY = ["optim.h", "optim/optimizer/drop_in.h", "optim/optimizer/lbfgs.h"]

source = pathlib.Path(sys.argv[1]).resolve()
include = source / "include"
problems = []


def tracked():
    """The files of a fresh clone."""
    git = subprocess.run(["git", "-C", source, "ls-files", "-z"], capture_output=True, text=True)
    if git.returncode == 0 and git.stdout:
        names = git.stdout.split("\0")[:-1]
    else:  # an unpacked archive
        names = [os.path.relpath(path, source) for room in source.iterdir()
                 if room.is_dir() and room.name not in ("build", "out", "include")
                 for path in room.rglob("*")]
        names += [os.path.relpath(path, source) for path in (include / "descent").glob("*.h")]
    return [name for name in names if (source / name).is_file()]


def lists(room):
    """{"HEADERS": [...], "SHARED": [...]} of a room."""
    found = {"HEADERS": [], "SHARED": []}
    text = re.sub(r"#.*", "", (source / room / "CMakeLists.txt").read_text())
    words = re.search(r"descent_room\((.*?)\)", text, re.S).group(1).split()
    keyword = ""
    for word in words:
        if word.isupper():
            keyword = word
        elif keyword in found:
            found[keyword].append(f"{room}/{word}")
    umbrella = include / f"descent/{room}.h"
    if umbrella.exists():
        found["HEADERS"] += re.findall(rf"^#include <descent/({room}/[^>]*)>", umbrella.read_text(), re.M)
    return found


def includes(name):
    """The included <descent/...> names of a file and the other names, as pairs of (ours, name)."""
    text = (source / name).read_text(errors="replace")
    for line in re.findall(r"^[ /]*#\s*include\s*<([^>\n]+)>", text, re.M):
        yield line.startswith("descent/"), line.removeprefix("descent/")


rooms = sorted(path.parent.name for path in source.glob("*/CMakeLists.txt")
               if "descent_room(" in path.read_text())
headers = {room: lists(room) for room in rooms}
umbrellas = sorted(path.name for path in (include / "descent").glob("*.h"))
public = set(umbrellas) | {name for room in rooms for name in headers[room]["HEADERS"]}
shared = public | {name for room in rooms for name in headers[room]["SHARED"]}


def path_of(name):
    """Where descent/NAME is in the tree: `name` itself, but for the umbrellas."""
    return f"include/descent/{name}" if name in umbrellas else name


def check_links():
    entries = {path.name for path in (include / "descent").iterdir()} - set(umbrellas)
    for room in sorted(entries ^ set(rooms)):
        problems.append(f"include/descent/{room}: a link for each room, and nothing else but headers")
    for room in sorted(entries & set(rooms)):
        link = include / "descent" / room
        # Windows without the right to make links holds them as texts.
        target = os.readlink(link) if link.is_symlink() else link.read_text()
        if target != f"../../{room}":
            problems.append(f"include/descent/{room} leads to {target}, not to ../../{room}")


def check_lists():
    for room in rooms:
        names = headers[room]["HEADERS"] + headers[room]["SHARED"]
        for name in names:
            if not (source / name).is_file():
                problems.append(f"{room}/CMakeLists.txt lists {name}, which does not exist")
            if names.count(name) > 1:
                problems.append(f"{room}/CMakeLists.txt lists {name} twice")


def check_includes():
    for file in tracked():
        if not re.search(r"\.(h|cpp|cu|inc|md)$", file):
            continue
        room = file.split("/")[0]
        for ours, name in includes(file):
            if not ours:
                continue
            if not (source / path_of(name)).is_file():
                problems.append(f"{file} includes descent/{name}, which is no path under include/")
            elif room == "tests" or name.split("/")[0] == room:
                pass
            elif re.match(r"examples/\w+\.cpp$|tests/consume/", file) and name not in public:
                problems.append(f"{file} is a page for users, but includes descent/{name}, which is "
                                "not installed")
            elif name not in shared and not file.endswith(".md"):
                problems.append(f"{file} includes descent/{name}, which is that room's own")
    for header in sorted(public):
        for ours, name in includes(path_of(header)):
            if ours and name not in public:
                problems.append(f"descent/{header} is installed, but needs descent/{name}, which is "
                                "not")


def opened_by(name, command):
    """All headers that the compiler opens for <name>."""
    run = subprocess.run([*command, "-std=c++20", "-E", "-H", "-x", "c++", "-o", os.devnull, "-"],
                         input=f"#include <{name}>\n", capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)}: <{name}>:\n{run.stderr}")
    return {os.path.normpath(line.lstrip(". ")) for line in run.stderr.splitlines()
            if re.match(r"\.+ ", line)}


def check_counts(command):
    # The compiler reads each foreign header once; what a header of ours opens is the union of these,
    # which spares reading LibTorch again for each of ours.
    ours = {header: {name for mine, name in includes(path_of(header)) if mine} for header in public}
    foreign = {header: {name for mine, name in includes(path_of(header)) if not mine}
               for header in public}
    names = sorted(set().union(*foreign.values()))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        opened = dict(zip(names, pool.map(lambda name: opened_by(name, command), names)))

    counts = {}
    for header in sorted(public):
        reached, todo = set(), [header]
        while todo:
            name = todo.pop()
            if name in reached:
                continue
            reached.add(name)
            todo += ours.get(name, [])
        files = set().union(*(opened[name] for mine in reached for name in foreign.get(mine, [])))
        counts[header] = len(reached) + len(files)
        if header in MAY_BE_HEAVY:
            continue
        for heavy in HEAVY:
            if any(file.endswith("/" + heavy) for file in files):
                problems.append(f"descent/{header} reaches <{heavy}>")
        limit = next(limit for pattern, limit in LIMITS if re.match(pattern, header))
        if counts[header] > limit:
            problems.append(f"descent/{header} opens {counts[header]} headers, more than {limit}")
    for header, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"{count:6} descent/{header}")


if len(sys.argv) == 2:
    check_links()
    check_lists()
    check_includes()
else:
    check_counts(sys.argv[2:])
print("\n".join(problems))
sys.exit(1 if problems else 0)
