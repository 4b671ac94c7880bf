"""lines.py GUIDE.md LANGUAGE OUT: the blocks of one language of a page, one after the other."""

import re
import sys

page, language, out = sys.argv[1:]
with open(page, encoding="ascii") as file:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE)
with open(out, "w", encoding="ascii") as file:
    file.write("".join(text for of, text in blocks if of == language))
