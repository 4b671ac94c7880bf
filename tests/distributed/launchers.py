"""Trains the sine network under a launcher, and compares its file with that of a single process.

launchers.py torchrun|mpirun PROGRAM FOLDER        77: the launcher is not to be had
"""
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

STEPS = 120


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def torchrun(words):
    command = [sys.executable, "-m", "torch.distributed.run"]
    tried = subprocess.run(command + ["--help"], capture_output=True, text=True)
    if tried.returncode != 0:
        skip("torchrun: " + (tried.stderr.strip().splitlines() or ["it says nothing"])[-1])
    return command + ["--no-python", "--nproc-per-node", "4", "--master-addr", "127.0.0.1",
                      "--master-port", free_port(), *words]


def mpirun(words):
    if shutil.which("mpirun") is None:
        skip("there is no mpirun")
    about = subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout
    open_mpi = ["--allow-run-as-root", "--oversubscribe"] if "Open MPI" in about else []
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=free_port())
    return ["mpirun", *open_mpi, "-np", "4", *words]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def main():
    launcher, program, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    command = {"torchrun": torchrun, "mpirun": mpirun}[launcher](
        [program, str(folder / "four"), str(STEPS)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    # One rank speaks for all: these were no four worlds of one.
    if done.returncode != 0 or done.stdout.count(f"{STEPS} steps, loss") != 1:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    subprocess.run([program, str(folder / "one"), str(STEPS)], check=True, timeout=300)
    one, four = (folder / name / f"step-{STEPS}.pt" for name in ("one", "four"))
    if one.read_bytes() != four.read_bytes():
        sys.exit(f"under {launcher} the training has come to other bits")
    print(f"{launcher}: the bits of one process")


main()
