"""Checks the table "What changes when something is added" of docs/architecture.md: in how many files
a thing of each kind is named. Needs no build.

places.py SOURCE
"""
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1]).resolve()


def texts_of(*folders):
    """The files of some folders without their comments, by their names."""
    found = {}
    for folder in folders:
        for path in sorted((source / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                text = path.read_text()
                found[str(path.relative_to(source))] = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    return found


def spelled(name):
    return rf'"{re.escape(name)}"'


def word(name):
    return rf"\b{name}\b"


optim = texts_of("optim") | {"include/descent/optim.h": (source / "include/descent/optim.h").read_text()}
surfaces, landscape, pictures = texts_of("surfaces"), texts_of("landscape"), texts_of("pictures")
cli = texts_of("cli")

# LibTorch's own rules stand in libtorch_classes.h as well.
of_libtorch = re.findall(r'key = "(\w+)"', optim["optim/optimizer/libtorch_classes.h"])
rules = [pathlib.Path(name).stem for name in optim if re.fullmatch(r"optim/\w+\.h", name)]
named_struct = r"struct (\w+) \{\s*static constexpr const char\* name ="
schedules = [name for file in ("classic", "cyclic")
             for name in re.findall(named_struct, optim[f"optim/schedules/{file}.h"])]

# Of each kind: what there is, how code names it, among which files, in how many of them it may be, and
# which name it for another reason.
TABLE = {
    # A rule that Python has too has a row in python_names.cpp; rule_groups sorts parameters for some, and
    # draws the first weights of another.
    "an optimizer": (set(rules) - set(of_libtorch),
                     lambda rule: rf'optim/{rule}\.h|"{rule}"|optim/{rule}\b', optim, 3,
                     ("optim/files/python_names.cpp", "optim/training/rule_groups.cpp",
                      "optim/training/rule_groups.h")),
    # WarmUp goes on with a constant one unless it is told otherwise.
    "a schedule": (schedules, word, optim, 3, ("optim/schedules/compose.h",)),
    "a surface": (re.findall(r"\b(\w+)\{\}[,}]", surfaces["surfaces/surface.cpp"]),
                  lambda name: rf"struct {name} \{{|\b{name}\{{\}}", surfaces, 2, ()),
    "a plane kind": (re.findall(r'\.name = "(\w+)"', cli["cli/commands/landscape/planes.cpp"]),
                     spelled, cli, 1, ()),
    "a metric": (re.findall(named_struct, landscape["landscape/data/metric.h"]), word,
                 landscape | cli, 2, ()),
    # The gallery chooses by itself what it shows.
    "a picture format": (re.findall(r'\{"(\.\w+)"', pictures["pictures/files/output.cpp"]), spelled,
                         pictures | cli, 1, ("cli/commands/gallery/gallery.cpp",)),
    # Its own file and job.h or inputs.h; a refusal of another option may name it, or who needs it.
    "an option of descent landscape": (
        [name for file, text in cli.items()
         if file.startswith("cli/commands/landscape/") or file == "cli/inputs.cpp"
         for name in re.findall(r'"(--[\w-]+)",', text)],
        spelled, {file: text for file, text in cli.items()
                  if "landscape" in file or file.startswith("cli/inputs")}, 2, ()),
}

problems = []
for kind, (things, pattern, files, most, others) in TABLE.items():
    if not things:
        problems.append(f"{kind}: there is none, so that this test looks at the wrong place")
    for thing in sorted(set(things)):
        where = [file for file, text in files.items()
                 if file not in others and re.search(pattern(thing), text)]
        if not 1 <= len(where) <= most:
            problems.append(f"{kind}, {thing}, is named in {len(where)} files, must be in 1 to {most}: "
                            + ", ".join(where))
sys.exit("\n".join(problems) or 0)
