"""What `descent` does when it is killed and when a disk, a folder or a pipe is not as it should be.

faults.py DESCENT NETWORK_FILE FOLDER [KILLS]

DESCENT is the program, NETWORK_FILE the example that writes a network for it, FOLDER is the test's
own. KILLS landscape runs are ended by kill -9 at random moments.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

descent, network_file, folder = (Path(argument).absolute() for argument in sys.argv[1:4])
kills = int(sys.argv[4]) if len(sys.argv) > 4 else 5
for left in folder.glob("*"):  # a run that was killed leaves its disks mounted
    if left.is_mount():
        subprocess.run(["umount", left], check=True)
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
net = folder / "net"
subprocess.run([network_file, "--steps", "20", "--out", net], check=True, stdout=subprocess.DEVNULL)

# One run of each command; those of `writing` take a folder for what they write.
landscape = ["landscape", "--model", net / "net.pt", "--data", net / "data.pt",
             "--loss", "cross_entropy", "--path", "loop", "--threads", "1",
             "--plane", f"line:{net / 'start.pt'}", "--axes=0:1:1000"]
race = ["race", "--steps", "5", "--optimizers", "sgd:lr=0.1"]
gallery = ["race", "--gallery"]
writing = {"landscape": landscape, "race": race, "gallery": gallery}
listing = {"optimizers": ["optimizers"], "surfaces": ["surfaces"]}


def expect(holds, *what):
    if not holds:
        sys.exit(" ".join(str(part) for part in what))


def run(*arguments, **settings):
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    return subprocess.run([descent, *arguments], text=True, **settings)


def expect_refusal(result, *words):
    """Status 2 and one sentence that holds the words."""
    error = result.stderr
    expect(result.returncode == 2 and error.startswith("descent: ") and error.count("\n") == 1
           and all(word in error for word in words),
           result.args, "returned", result.returncode, "and said", repr(error))


def files_in(path):
    """The files of a folder with their bytes, hidden ones and folders aside."""
    if not path.is_dir():
        return {}
    return {entry.name: entry.read_bytes() for entry in path.iterdir()
            if entry.is_file() and not entry.name.startswith(".")}


def hidden_in(path):
    return [entry.name for entry in path.iterdir() if entry.name.startswith(".")]


def useless_in(path):
    """The hidden folders that hold no file that was being replaced."""
    return [name for name in hidden_in(path) if not files_in(path / name / ".replaced")]


def killed_runs_lose_nothing_but_the_tile_they_were_at():
    start = time.monotonic()
    whole = run(*landscape, "--out", folder / "whole")
    longest = time.monotonic() - start
    expect(whole.returncode == 0, whole.stderr)
    wanted = files_in(folder / "whole")
    part = folder / "part"
    tiles = {}
    done = killed = resumed = 0
    random.seed(1)
    while killed < kills or done == 0:
        process = subprocess.Popen([descent, *landscape, "--out", part, "--resume"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if killed < kills:
            try:
                process.wait(random.uniform(0, longest))
            except subprocess.TimeoutExpired:
                process.kill()
        error = process.communicate()[1]
        left = files_in(part)
        if process.returncode == 0:
            expect(left == wanted, "other files after killed runs:", sorted(left))
            expect(not useless_in(part), "killed runs have left", useless_in(part))
            shutil.rmtree(part)
            tiles = {}
            done += 1
            continue
        expect(process.returncode == -signal.SIGKILL, "status", process.returncode, error)
        killed += 1
        resumed += bool(tiles)
        if left == wanted and not any((part / ".tiles").glob("*.tile")):
            shutil.rmtree(part)  # killed when all was done: there is nothing to resume
            tiles = {}
            continue
        for name, content in left.items():
            expect(content == wanted[name], "half a file:", name)
        now = {entry.name: entry.stat().st_mtime_ns for entry in (part / ".tiles").glob("*.tile")}
        if not left:  # all tiles are there until the files are
            expect(tiles.items() <= now.items(), "tiles were lost or computed again")
        tiles = now
    print(killed, "runs were killed,", resumed, "of them had resumed,", done, "came to the end")


def what_a_killed_race_leaves_is_gone_after_the_next():
    """Unless it is in use, or holds files of the user that were being replaced."""
    out = folder / "left"
    out.mkdir()
    for name in "1", "2":
        (out / f".left-{name}-0").mkdir()
        (out / f".left-{name}-0" / "race.png").write_text("half")
    (out / ".left-2-0" / ".replaced").mkdir()
    (out / ".left-2-0" / ".replaced" / "race.png").write_text("the user's")
    result = run(*race, "--out", out, "--force")
    expect(result.returncode == 0, result.stderr)
    expect(hidden_in(out) == [".left-2-0"], "left:", hidden_in(out))


def mounted(where, *options):
    """Whether a file system in memory could be mounted there, which takes root."""
    where.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", where]
    return shutil.which("mount") is not None and subprocess.run(
        command, stderr=subprocess.DEVNULL).returncode == 0


def a_full_disk_gets_a_sentence():
    disk = folder / "disk"
    if not mounted(disk, "size=128k"):
        print("not tried: a full disk, because no file system can be mounted here")
        return
    try:
        for name, arguments in writing.items():
            out = disk / name
            expect_refusal(run(*arguments, "--out", out), "No space left on device")
            expect(not files_in(out), "half the results are in", out)
            shutil.rmtree(out, ignore_errors=True)
            expect(not list(disk.iterdir()), "left behind:", list(disk.iterdir()))
    finally:
        subprocess.run(["umount", disk], check=True)


def a_read_only_folder_gets_a_sentence():
    place = folder / "read-only"
    root = os.geteuid() == 0
    if not root:
        place.mkdir()
        place.chmod(0o555)
    elif not mounted(place, "ro"):
        print("not tried: a read-only folder, because no file system can be mounted here")
        return
    try:
        for arguments in writing.values():
            for out in place / "out", place:
                expect_refusal(run(*arguments, "--out", out), str(place),
                               "Read-only" if root else "Permission denied")
    finally:
        if root:
            subprocess.run(["umount", place], check=True)


def a_closed_output_gets_a_sentence_and_whole_files():
    for name, arguments in {**listing, "race": race, "landscape": landscape}.items():
        for how in "pipe", "nothing":
            out = folder / f"{name}-{how}"
            place = ["--out", out] if name in writing else []
            if how == "pipe":
                reading, writing_end = os.pipe()
                os.close(reading)
                result = run(*arguments, *place, stdout=writing_end)
                os.close(writing_end)
            else:
                result = run(*arguments, *place, stdout=None, preexec_fn=lambda: os.close(1))
            expect_refusal(result, "standard output cannot be written")
            if name == "landscape":
                expect(files_in(out) == files_in(folder / "whole"), "other files in", out)
            elif name == "race":
                expect("race.html" in files_in(out), "no race in", out)


def a_missing_home_changes_nothing():
    environment = {key: value for key, value in os.environ.items()
                   if key != "HOME" and not key.startswith("XDG_")}
    for name, arguments in {**listing, "race": race, "landscape": landscape}.items():
        out = folder / f"{name}-homeless"
        place = ["--out", out] if name in writing else []
        result = run(*arguments, *place, env=environment)
        expect(result.returncode == 0, result.stderr)
    expect(files_in(folder / "landscape-homeless") == files_in(folder / "whole"),
           "other files without HOME")


killed_runs_lose_nothing_but_the_tile_they_were_at()
what_a_killed_race_leaves_is_gone_after_the_next()
a_full_disk_gets_a_sentence()
a_read_only_folder_gets_a_sentence()
a_closed_output_gets_a_sentence_and_whole_files()
a_missing_home_changes_nothing()
shutil.rmtree(folder)
