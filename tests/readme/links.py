"""links.py ROOT: every link of README.md and docs/ leads to a file, and to a heading if it says so.

No code within a table holds a bar.

README.md has at most 130 lines of at most 120 columns.
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
wrong = []


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    for title in re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="ascii")), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


pages = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
for page in pages:
    text = page.read_text(encoding="ascii")
    # GitHub and the site's generator show a bar of code within a table in two ways.
    for row in re.findall(r"^\|.*\|$", without_code(text), re.MULTILINE):
        wrong += [f"{page.relative_to(root)}: a table has a bar in its code {code}"
                  for code in re.findall(r"`[^`]*`", row) if r"\|" in code]
    # The links of notes are those of the page that they become a part of.
    folder = root / "docs" / "optimizers" if page.parent.name == "notes" else page.parent
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        if re.match(r"https?:", link):
            continue
        name, _, anchor = link.partition("#")
        target = folder / name if name else page
        if not target.is_file():
            wrong.append(f"{page.relative_to(root)}: {link} leads to no file")
        elif anchor and anchor not in anchors(target):
            wrong.append(f"{page.relative_to(root)}: {link} leads to no heading")

lines = (root / "README.md").read_text(encoding="ascii").splitlines()
if len(lines) > 130:
    wrong.append(f"README.md has {len(lines)} lines, 130 are allowed")
wrong += [f"README.md:{n + 1} has {len(line)} columns" for n, line in enumerate(lines)
          if len(line) > 120]
if wrong:
    sys.exit("\n".join(wrong))
