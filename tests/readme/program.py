"""program.py README.md OUT.cpp: the README's C++ as one program.

The first ```cpp block is a whole program; the lines of the others stand in a function after it, whose
arguments are what they speak of.
"""

import re
import sys

readme, out = sys.argv[1:]
with open(readme, encoding="ascii") as file:
    program, *blocks = re.findall(r"```cpp\n(.*?)```", file.read(), re.DOTALL)
lines = "".join(blocks)
with open(out, "w", encoding="ascii") as file:
    file.write(f"""#include <descent/landscape.h>
#include <descent/pictures.h>
#include <descent/surfaces.h>
{program}
void more(torch::nn::Sequential& net, torch::nn::Sequential& head, descent::AdamW& opt,
          const at::Tensor& x, const at::Tensor& y) {{
{lines}}}
""")
