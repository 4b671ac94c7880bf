"""cables.py BENCH_DISTRIBUTED [--ranks 4] [--megabits 200]

Checks simulate.py's model on a network of known rate: each rank has a network namespace whose cable to a
switch carries so many megabits a second in either direction (Linux, root, programs ip and tc). The model
is given the cable's rate, the delay of a hop as gloo's ring of 4 KiB has it, and the adding's time.
Prints a JSON object for each sum of 4 MiB or more, and exits with 1 if one took more or less than the
model says by over a fifth."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import simulate

MTU = 9000  # large packets, whose number does not keep the processor busy
FRAME, PAYLOAD = MTU + 14, MTU - 52  # bytes on the cable, and of TCP's data in them
TOLERANCE = 0.2

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("program", help="build/release/bin/bench_distributed")
parser.add_argument("--ranks", type=int, default=4)
parser.add_argument("--megabits", type=int, default=200)
opts = parser.parse_args()

switch = f"bench-{os.getpid()}"
machines = [f"{switch}-{rank}" for rank in range(opts.ranks)]


def do(command):
    subprocess.run(command.split(), check=True)


def limited(namespace, link):
    do(f"ip netns exec {namespace} tc qdisc add dev {link} root tbf "
       f"rate {opts.megabits}mbit burst 64kb latency 100ms")


def connect():
    do(f"ip netns add {switch}")
    do(f"ip -n {switch} link add name switch type bridge")
    do(f"ip -n {switch} link set switch up")
    for rank, machine in enumerate(machines):
        do(f"ip netns add {machine}")
        do(f"ip -n {machine} link add cable mtu {MTU} type veth peer name port{rank} mtu {MTU} netns {switch}")
        do(f"ip -n {switch} link set port{rank} master switch up")
        do(f"ip -n {machine} addr add 10.78.0.{rank + 1}/24 dev cable")
        for link in ("lo", "cable"):
            do(f"ip -n {machine} link set {link} up")
        limited(machine, "cable")
        limited(switch, f"port{rank}")


def measured():
    with tempfile.TemporaryDirectory() as folder:
        ranks = []
        for rank, machine in enumerate(machines):
            place = {"RANK": str(rank), "WORLD_SIZE": str(opts.ranks), "MASTER_ADDR": "10.78.0.1",
                     "MASTER_PORT": "29500", "GLOO_SOCKET_IFNAME": "cable"}
            ranks.append(subprocess.Popen(["ip", "netns", "exec", machine, opts.program, "--sums", folder],
                                          env={**os.environ, **place}, stdout=subprocess.PIPE, text=True))
        said = [rank.communicate()[0] for rank in ranks]
    if any(rank.returncode != 0 for rank in ranks):
        sys.exit("a rank has failed")
    return [json.loads(line) for line in said[0].splitlines()]


try:
    connect()
    lines = measured()
finally:
    for machine in (*machines, switch):
        subprocess.run(["ip", "netns", "del", machine], check=False, stderr=subprocess.DEVNULL)

model = next(line for line in lines if line["bench"] == "model")
beta = 8e-6 / opts.megabits * FRAME / PAYLOAD
network = simulate.Network(model["alpha_us"] * 1e-6, beta, model["gamma_ns_a_byte"] * 1e-9)
all_right = True
for line in lines:
    if line["bench"] != "sum" or line["bytes"] < 4 << 20:
        continue
    for name, way, key in (("ours", network.ours, "ours_us"), ("ring", network.ring, "ring_us")):
        expected = way(opts.ranks, line["bytes"])
        ratio = line[key][0] * 1e-6 / expected
        all_right &= abs(ratio - 1) <= TOLERANCE
        print(json.dumps({"sum": name, "bytes": line["bytes"], "ranks": opts.ranks, "megabits": opts.megabits,
                          "ms": round(line[key][0] / 1000, 1), "model_ms": round(expected * 1000, 1),
                          "ratio": round(ratio, 3)}))
sys.exit(not all_right)
