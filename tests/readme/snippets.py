"""snippets.py ROOT OUT.cpp PAGE...: the C++ of pages as one program.

Every ```cpp block becomes a function whose arguments are what the pages speak of: `net`, `head`,
`opt`, `x` and `y`, made anew for each block (setting.h). Its #include lines go to the top of the
program. Definitions of types that a function cannot hold (templates, rules) stand ahead of it.

A ```diff block is two functions, one of what it takes away and one of what it puts there.

A block under the line <!-- from FILE --> is not compiled here but must stand in FILE, word for
word; FILE is compiled by its own test.
"""

import pathlib
import re
import sys

root, out, *pages = sys.argv[1:]
root = pathlib.Path(root)

BLOCK = re.compile(r"(?:<!-- from (\S+) -->\n)?^```(cpp|diff)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OUTSIDE = re.compile(r"^(template|struct|class|namespace|DESCENT_)", re.MULTILINE)


def words(text):
    return " ".join(text.split())


def parts(language, text):
    """The programs that a block holds."""
    if language == "cpp":
        return [text]
    lines = text.splitlines(keepends=True)
    return ["".join(line[1:] for line in lines if line[0] in keep) for keep in ("- ", "+ ")]


includes, functions, calls = set(), [], []
for page in pages:
    text = (root / page).read_text(encoding="ascii")
    for of, language, block in BLOCK.findall(text):
        if of:
            if words(block) not in words((root / of).read_text(encoding="ascii")):
                sys.exit(f"{page}: a block is not in {of} as it says:\n{block}")
            continue
        for code in parts(language, block):
            includes.update(re.findall(r"^#include .*$", code, re.MULTILINE))
            code = re.sub(r"^#include .*\n", "", code, flags=re.MULTILINE)
            name = f"snippet_{len(calls)}"
            calls.append(f'    {{"{page}", {name}}},\n')
            arguments = "([[maybe_unused]] Setting& setting)"
            names = "".join(f"  [[maybe_unused]] auto& {name_of} = setting.{name_of};\n"
                            for name_of in ("net", "head", "opt", "x", "y"))
            if OUTSIDE.search(code):
                functions.append(f"// {page}\nnamespace of_{name} {{\n{code}}}\n"
                                 f"void {name}{arguments} {{}}\n")
            else:
                functions.append(f"// {page}\nvoid {name}{arguments} {{\n{names}{{\n{code}}}\n}}\n")

with open(out, "w", encoding="ascii") as file:
    file.write('#include "setting.h"\n' + "".join(f"{line}\n" for line in sorted(includes))
               + "\nnamespace {\n" + "\n".join(functions)
               + "\nconst Snippet snippets[] = {\n" + "".join(calls) + "};\n}  // namespace\n"
               + "\nint main() { return run(snippets); }\n")
