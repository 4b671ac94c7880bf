"""site.py OUT: the static site of README.md and docs/, in OUT/site.

Copies the pages to OUT/pages as they lie in the repository, so that their links stay as they are
there, with README.md as index.md, completes the navigation, and runs mkdocs, which refuses links
that lead nowhere. Then it makes sure that no page loads anything from the network.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
    sys.exit(__doc__)
out = pathlib.Path(sys.argv[1]).resolve()

pages = out / "pages"
shutil.rmtree(pages, ignore_errors=True)
shutil.copytree(ROOT / "docs", pages / "docs",
                ignore=shutil.ignore_patterns("notes", "draw", "*.js", "*.py", "*.yml", "CMakeLists.txt",
                                              "__pycache__"))
for name, target in (("README.md", "index.md"), ("CONTRIBUTING.md", "CONTRIBUTING.md"),
                     ("CHANGELOG.md", "CHANGELOG.md")):
    shutil.copy(ROOT / name, pages / target)
for page in pages.rglob("*.md"):
    text = page.read_text(encoding="ascii")
    if re.search(r"^(?!- |  |<!)\S.*\n- ", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        sys.exit(f"site.py: {page}: mkdocs knows a list only after an empty line")


def entries(folder):
    found = []
    for page in sorted((pages / "docs" / folder).glob("*.md")):
        title = re.search(r"^# (.*)$", page.read_text(encoding="ascii"), re.MULTILINE)[1]
        found.append(f"          - '{title.replace(chr(39), chr(39) * 2)}': docs/{folder}/{page.name}\n")
    return "".join(found)


config = (ROOT / "docs" / "mkdocs.yml").read_text(encoding="ascii")
config = config.replace("../build/docs/pages", str(pages)).replace("../build/docs/site",
                                                                   str(out / "site"))
config = config.replace("      - Optimizers: docs/optimizers.md\n",
                        "      - Optimizers:\n          - All of them: docs/optimizers.md\n"
                        + entries("optimizers"))
config += "      - Decisions:\n" + entries("decisions")
(out / "mkdocs.yml").write_text(config, encoding="ascii")
os.environ["NO_MKDOCS_2_WARNING"] = "1"
subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file",
                out / "mkdocs.yml"], check=True)

# The theme would fetch this script for pages that are opened from the file system.
fetched = re.compile(r"<script src=[\"']?https://unpkg\.com/iframe-worker/shim[\"']?></script>")
site = out / "site"
shutil.copy(ROOT / "docs" / "file_worker.js", site / "assets" / "file_worker.js")
loads = re.compile(r"<(?:script|img|iframe)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
                   r"|<link\b[^>]*\brel=[\"']?(?:stylesheet|preconnect)[^>]*\bhref=[\"']?(?:https?:)?//")
for page in site.rglob("*.html"):
    root = os.path.relpath(site, page.parent)
    text = fetched.sub(f'<script src="{root}/assets/file_worker.js"></script>',
                       page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")
    if loads.search(text):
        sys.exit(f"site.py: {page} loads something from the network")
print(f"open {site / 'index.html'}")
