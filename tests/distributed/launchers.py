"""Trains the sine network under a launcher, and compares its file with that of a single process.

launchers.py torchrun|mpirun|by_hand PROGRAM FOLDER        77: the launcher is not to be had

By hand, one of the four is killed, and all are started again.
"""
import os
import shutil
import socket
import subprocess
import sys
import time
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


def run_by_hand(words, size, until=None):
    """What the ranks return and say, of whom the second is killed once the file `until` is there."""
    port = free_port()
    ranks = [subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
                                   "WORLD_SIZE": str(size), "RANK": str(rank)})
             for rank in range(size)]
    try:
        end = time.monotonic() + 120
        while until and not until.exists():
            if time.monotonic() > end or any(rank.poll() is not None for rank in ranks):
                sys.exit(f"{until} has not come")
            time.sleep(0.01)
        if until:
            ranks[1].kill()
        killed = time.monotonic()
        said = [rank.communicate(timeout=300)[0] for rank in ranks]
        return [rank.returncode for rank in ranks], said, time.monotonic() - killed
    finally:
        for rank in ranks:
            rank.kill()


def by_hand(program, folder):
    # More steps than there is time for.
    codes, said, seconds = run_by_hand([program, folder, "1000000"], 4, Path(folder) / "step-100.pt")
    for rank in (0, 2, 3):
        if codes[rank] != 1 or "no answer from rank 1" not in said[rank] or seconds > 60:
            sys.exit(f"rank {rank} ended by {codes[rank]} after {seconds:.1f} s:\n{said[rank]}")
    # The newest checkpoint decides how far the training has come.
    steps = max(int(file.stem[5:]) for file in Path(folder).glob("step-*.pt")) + STEPS
    for size in (2, 4):
        codes, said, _ = run_by_hand([program, folder, str(steps + size)], size)
        if codes != [0] * size:
            sys.exit(f"{size} ranks: {codes}\n" + "".join(said))
    return steps + 4


def by_launcher(launcher, program, folder):
    command = launcher([program, folder, str(STEPS)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    # One rank speaks for all: these were no four worlds of one.
    if done.returncode != 0 or done.stdout.count(f"{STEPS} steps, loss") != 1:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return STEPS


def main():
    launcher, program, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    parts = str(folder / "four")
    if launcher == "by_hand":
        steps = by_hand(program, parts)
    else:
        steps = by_launcher({"torchrun": torchrun, "mpirun": mpirun}[launcher], program, parts)
    subprocess.run([program, str(folder / "one"), str(steps)], check=True, timeout=300)
    one, four = (folder / name / f"step-{steps}.pt" for name in ("one", "four"))
    if one.read_bytes() != four.read_bytes():
        sys.exit(f"{launcher}: the training has come to other bits")
    print(f"{launcher}: the bits of one process")


main()
