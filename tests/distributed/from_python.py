"""from_python.py LIBRARY [RANK PORT]: a group that torch.distributed has made, used from C++. Without a
rank it starts three processes, one for each."""
import ctypes
import socket
import subprocess
import sys

SIZE = 3


def rank(library, number, port):
    import torch
    import torch.distributed as dist
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=number, world_size=SIZE)
    function = ctypes.CDLL(library).descent_sum
    function.restype = ctypes.c_char_p
    function.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int]

    def total(group, way):
        values = torch.arange(1000, dtype=torch.float32) + number
        error = function(group.group_name.encode(), values.data_ptr(), values.numel(), way)
        return error.decode() or values

    for group in [dist.group.WORLD, dist.new_group([0, 1, 2])]:
        for way in [0, 1, 2]:
            calls = group._get_sequence_number_for_group()
            values = total(group, way)
            assert torch.equal(values, 3 * torch.arange(1000) + 3), values
            # Two threads must not share a group, so twins leave it alone.
            calls = group._get_sequence_number_for_group() - calls
            assert calls == (way == 1), f"way {way}: {calls} calls of the group"
    nobody = type("Group", (), {"group_name": "nobody"})
    assert "World: Python has made no group nobody" in total(nobody, 0)
    dist.destroy_process_group()


if len(sys.argv) > 2:
    rank(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
else:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [subprocess.Popen([sys.executable, __file__, sys.argv[1], str(number), str(port)])
             for number in range(SIZE)]
    try:
        sys.exit(max(process.wait(timeout=240) for process in ranks))
    finally:
        for process in ranks:
            process.kill()
