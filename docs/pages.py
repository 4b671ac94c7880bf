"""The pages of the optimizers, from what the registry, the headers and docs/notes/ say.

  pages.py pages DESCENT FOLDER        writes FOLDER/<key>.md of every optimizer
  pages.py check DESCENT               says whether docs/optimizers/ holds what would be written
  pages.py pictures DRAW_DOCS          draws docs/optimizers/*.png and docs/schedules/*.png

A page joins three sources, each of which says what the others do not:
  descent optimizers <key>   name, paper, options with default and range, state, Python's class
  optim/*.h                  the formula (the comment of the rule's struct), meanings of options
  docs/notes/<key>.md        when to use it, differences, an example, and which race is drawn
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTES = ROOT / "docs" / "notes"

# Options that mean the same in every rule; a comment in the rule's header goes before.
COMMON = {
    "lr": "step size",
    "momentum": "how much of the step before is kept",
    "dampening": "how much less the gradient counts in the momentum",
    "momentum_decay": "how fast the momentum comes to its full value",
    "trust_coefficient": "the part of the weights' norm that a step may have",
    "weight_decay": "how fast weights shrink towards 0",
    "decay_mode": "coupled: the decay is added to the gradient; decoupled: weights shrink apart from it",
    "maximize": "maximizes the loss: the gradient's sign is flipped",
    "slow_init": "initial: slow weights start as the weights before the first step; lazy: at the "
                 "first synchronisation",
}


def fail(text):
    sys.exit(f"pages.py: {text}")


def registered(descent):
    """What the program says of each optimizer."""
    text = subprocess.run([descent, "optimizers"], check=True, capture_output=True, text=True).stdout
    for block in text.strip().split("\n\n"):
        first, *lines = block.splitlines()
        key, about = first.split("  ", 1)
        if not (NOTES / f"{key}.md").exists():
            if key in ("base options", "line_search"):  # of all, and of races only
                continue
            fail(f"docs/notes/{key}.md is missing: when to use {key}, an example and a race")
        name, paper = about.split("; ", 1)
        options, facts = [], {}
        for line in lines:
            option = re.fullmatch(r"  (\w+) += (\S+(?: [^ ]+)*?)  +(.*)", line)
            if option:
                options.append(option.groups())
            else:
                word, fact = line.strip().split(": ", 1)
                facts[word] = fact
        yield key, name, paper, options, facts


def header_of(key):
    for path in sorted((ROOT / "optim").glob("*.h")):
        text = path.read_text(encoding="ascii")
        if re.search(rf'About\b[^;]*"{key}"', text):
            return path, text
    return fail(f"no header in optim/ has {key} in its About")


def formula(text):
    """The comment of the struct that holds About, without the marks."""
    before = text[:text.index("static constexpr About")]
    comment = re.findall(r"(?:^///.*\n)+", before, re.MULTILINE)[-1]
    return "\n".join(line[3:].removeprefix(" ") for line in comment.splitlines())


def split_formula(comment):
    """The comment as Markdown: runs of indented lines are the formula."""
    out, code = [], False
    for line in comment.splitlines():
        indented = line.startswith("  ")
        if indented != code:
            out.append("```text" if indented else "```")
            code = indented
        out.append(line[2:] if indented else line)
    if code:
        out.append("```")
    return re.sub(r"\n```text", "\n\n```text", "\n".join(out)).replace("\n```\n", "\n```\n\n")


def meanings(path, text):
    """The ///< comment of each member of Options."""
    body = text[text.index("struct Options {"):]
    body = body[:body.index("DESCENT_OPTIONS")]
    found = {}
    for line in body.splitlines():
        member = re.match(r"\s+[\w:<>, ]+?\s(\w+)\s*(?:=[^;]*|\{[^;]*\})?;\s*(?:///<\s*(.*))?$", line)
        more = re.match(r"\s+///<\s*(.*)$", line)
        if member:
            last = member[1]
            if member[2]:
                found[last] = member[2]
        elif more:
            found[last] = f"{found.get(last, '')} {more[1]}".strip()
    return found


def presets(text):
    body = text[text.index("struct Options {"):text.index("struct State")]
    return re.findall(r"static Options (\w+)\(\)", body)


def race_of(key, notes):
    """What its first line says, and where the text begins. None: surfaces are not for this rule."""
    race = re.match(r"<!-- (?:race (\S+) (\S+) (\d+)|no race) -->\n", notes)
    if not race:
        fail(f"docs/notes/{key}.md must begin with <!-- race SURFACE RACER STEPS --> or "
             "<!-- no race -->")
    return (race.groups() if race[1] else None), race.end()


def picture_of(name, key, race):
    if race is None:
        return []
    surface, racer, steps = race
    return [f"![The way of {name} over the surface {surface}]({key}.png)", "",
            f"The picture shows {steps} steps from the surface's usual start: "
            f"`descent race --surface {surface} --optimizers {racer} --steps {steps}`.", ""]


def page(key, name, paper, options, facts):
    path, text = header_of(key)
    notes = (NOTES / f"{key}.md").read_text(encoding="ascii")
    race, begin = race_of(key, notes)
    of_options = {**COMMON, **meanings(path, text)}
    rows = []
    for option, default, allowed in options:
        if option not in of_options:
            fail(f"{path.relative_to(ROOT)}: the option {option} has no comment ///< that says "
                 "what it means")
        meaning = of_options[option].replace("|", r"\|")
        if re.fullmatch(r"\w{1,3}", meaning):  # a letter of the formula
            meaning = f"{COMMON.get(option, option.replace('_', ' '))}; {meaning} in the formula"
        rows.append(f"| `{option}` | `{default}` | {allowed} | {meaning} |")
    python = facts.get("Python")
    lines = [
        f"<!-- Written by docs/pages.py from optim/{path.name} and docs/notes/{key}.md. -->",
        f"# {name}", "",
        split_formula(formula(text)), "",
        f"Paper: {paper}.", "",
        f"The numbers are compared with: {facts['compared with']}.", "",
        *picture_of(name, key, race),
        "## Options", "",
        "| option | default | allowed | meaning |", "|---|---|---|---|", *rows, "",
        f"State: {facts['state']}.", "",
    ]
    if presets(text):
        named = " and ".join(f"`{name}::Options::{preset}()`" for preset in presets(text))
        lines += [f"Settings with a name: {named}.", ""]
    lines += [f"In C++ it is `descent::{name}`, by name `descent::make_optimizer(\"{key}\", ...)`. "
              + (f"Its counterpart in Python is `{python}`: files go both ways by "
                 "[`save_python` and `load_python`](../checkpoints.md)." if python else
                 "Python's `torch.optim` has no counterpart."), ""]
    return "\n".join(lines) + "\n" + notes[begin:]


def write_pages(descent, folder):
    folder.mkdir(parents=True, exist_ok=True)
    keys = []
    for rule in registered(descent):
        (folder / f"{rule[0]}.md").write_text(page(*rule), encoding="ascii")
        keys.append(rule[0])
    return keys


def check(descent):
    with tempfile.TemporaryDirectory() as name:
        keys = write_pages(descent, pathlib.Path(name))
        there = {path.stem for path in (ROOT / "docs" / "optimizers").glob("*.md")}
        for key in sorted(there ^ set(keys)):
            fail(f"docs/optimizers/{key}.md is missing, or is of no optimizer")
        for key in sorted({path.stem for path in NOTES.glob("*.md")} - set(keys)):
            fail(f"docs/notes/{key}.md is of no optimizer")
        for key in keys:
            written = pathlib.Path(name, f"{key}.md").read_text(encoding="ascii")
            if written != (ROOT / "docs" / "optimizers" / f"{key}.md").read_text(encoding="ascii"):
                fail(f"docs/optimizers/{key}.md is not what docs/pages.py writes: run "
                     "docs/pages.py pages build/release/bin/descent docs/optimizers")
            notes = (NOTES / f"{key}.md").read_text(encoding="ascii")
            picture = ROOT / "docs" / "optimizers" / f"{key}.png"
            if race_of(key, notes)[0] is None:
                continue
            if not picture.exists() or picture.stat().st_size > 40_000:
                fail(f"{picture} is missing or larger than 40 KB")
    print(f"{len(keys)} pages are as written")


def draw_pictures(draw):
    from PIL import Image  # of pip: pillow

    folder = ROOT / "docs" / "optimizers"
    for notes in sorted(NOTES.glob("*.md")):
        race, _ = race_of(notes.stem, notes.read_text(encoding="ascii"))
        if race is not None:
            subprocess.run([draw, "race", folder / f"{notes.stem}.png", *race], check=True)
    subprocess.run([draw, "schedules", ROOT / "docs" / "schedules"], check=True)
    for path in [*folder.glob("*.png"), *(ROOT / "docs" / "schedules").glob("*.png")]:
        image = Image.open(path).convert("RGB")  # 255 colours take a fifth of the bytes
        image.quantize(255, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            path, optimize=True)


def main(command, program, *rest):
    program = pathlib.Path(program).resolve()
    if command == "pages":
        write_pages(program, pathlib.Path(*rest))
    elif command == "check":
        check(program)
    elif command == "pictures":
        draw_pictures(program)
    else:
        fail(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        fail(__doc__)
    main(*sys.argv[1:])
