"""Runs scripts of Python with torch imported once, which takes longer than most of them: a line of standard input is
a script with its arguments, and a line of standard output is its exit status. Each runs in a process of its own.
"""

import os
import runpy
import shlex
import sys
import traceback
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
import torch._dynamo  # noqa: E402, F401  (which torch.optim imports in its first step)


def run(words):
    sys.argv = words
    sys.path.insert(0, os.path.dirname(words[0]))
    try:
        runpy.run_path(words[0], run_name="__main__")
        return 0
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)  # what scripts print is no answer
        status = run(shlex.split(line))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
