"""A training in several processes, on one machine or on many, that JAX's runtime joins.

Each process has its share of every batch, and what they learn is the same. Process 0 alone writes
files and says what there is. Besides JAX's own connections each has one to process 0, which is for
nothing but to break: who loses it, or is told of a loss, ends at once.
"""

import atexit
import contextlib
import os
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mrcnn.quiet import engine, start_keras

# Seconds until a machine that fell silent counts as lost: a first probe after 10, then 4.
PROBES = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
# Seconds that JAX waits for all processes in the beginning.
PATIENCE = 300
# The same for the first word on a connection.
GREETING = 10
# Whoever started several: variables for their number and the own rank.
STARTERS = (
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
)
HELLO = struct.Struct("<16si")
DONE = -1


@dataclass(frozen=True)
class Hosts:
    """The processes of a training. Without a `coordinator`, "address:port" of the process of rank
    0, JAX asks whoever started them."""

    coordinator: str | None
    count: int
    rank: int

    @classmethod
    def of(cls, text: str) -> "Hosts":
        """Return those of "address:port,count,rank"; raises ValueError."""
        parts = [part.strip() for part in text.split(",")]
        if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal():
            host, colon, port = parts[0].rpartition(":")
            count, rank = int(parts[1]), int(parts[2])
            if host and colon and port.isdecimal() and 0 <= rank < count:
                return cls(parts[0], count, rank)
        raise ValueError(
            f"{text} is not ADDRESS:PORT,COUNT,RANK: the machine of the process of rank 0 and a "
            "free port there, how many processes there are, and which this one is, from 0"
        )

    @classmethod
    def started(cls, environment: Mapping[str, str]) -> "Hosts | None":
        """Return those that SLURM or Open MPI started together on JAX; None for one alone."""
        for count, rank in STARTERS if environment.get("KERAS_BACKEND") == "jax" else ():
            if int(environment.get(count, 1)) > 1 and rank in environment:
                return cls(None, int(environment[count]), int(environment[rank]))
        return None


# -- Joining -----------------------------------------------------------------------------------


@contextlib.contextmanager
def silent(hosts: Hosts | None) -> Iterator[None]:
    """Let processes but the one of rank 0 print nothing meanwhile; errors they do."""
    if hosts is None or hosts.rank == 0:
        yield
        return
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        yield


def check_engine() -> None:
    """Raise ValueError where Keras runs, or will run, on an engine that joins no processes."""
    if engine() != "jax":
        raise ValueError(
            "--hosts: several processes train together on JAX alone: set KERAS_BACKEND=jax"
        )


@contextlib.contextmanager
def joined(hosts: Hosts | None, device: str | None = None) -> Iterator[None]:
    """Start Keras and join the processes meanwhile; one that fails, or is gone, ends them all.

    Nothing happens where `hosts` is None; `device` is that of `quiet.start_keras`. Raises
    ValueError where Keras runs on another engine than JAX, or where not all come.
    """
    if hosts is None:
        yield
        return
    check_engine()
    start_keras(device)
    import jax
    import keras

    options = {"initialization_timeout": PATIENCE}
    if hosts.coordinator:
        options |= {"coordinator_address": hosts.coordinator, "process_id": hosts.rank}
        options["num_processes"] = hosts.count
    try:
        jax.distributed.initialize(**options)
    except (RuntimeError, ValueError) as error:
        why = next(iter(str(error).splitlines()), "")
        raise ValueError(
            f"process {hosts.rank} of {hosts.count} did not find the others at "
            f"{hosts.coordinator or 'the address that the job has'}: {why}"
        ) from error
    line = Line(hosts)
    keras.utils.set_random_seed(common_seed())
    try:
        yield
    except BaseException:
        # JAX would wait for the others, which wait for this one.
        atexit.register(_leave_at_once)
        raise
    line.done()


def _leave_at_once():
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


class Line:
    """The connections between process 0 and each of the others, and what is heard on them."""

    def __init__(self, hosts: Hosts):
        self.hosts, self.sockets, self.ending = hosts, {}, threading.Lock()
        token, address, server = secrets.token_bytes(16), b"", None
        if hosts.rank == 0:
            server = socket.create_server(("", 0), backlog=hosts.count)
            address = f"{socket.gethostname()}:{server.getsockname()[1]}".encode()
        # All get to know that of process 0.
        told = np.frombuffer((token + address).ljust(300, b"\0"), np.uint8)
        told = common(told).astype(np.uint8).tobytes()
        token, (host, port) = told[:16], told[16:].rstrip(b"\0").decode().rsplit(":", 1)
        if hosts.rank == 0:
            self._accept(server, token)
        else:
            host = hosts.coordinator.rpartition(":")[0] if hosts.coordinator else host
            line = socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)
            line.settimeout(None)
            line.sendall(HELLO.pack(token, hosts.rank))
            self._listen(0, line)

    def _accept(self, server, token):
        awaited = {*range(1, self.hosts.count)}
        while awaited:
            line, _ = server.accept()
            # Whoever else looks in at the port says nothing, or something else.
            with contextlib.suppress(OSError, struct.error):
                line.settimeout(GREETING)
                found, rank = HELLO.unpack(line.recv(HELLO.size, socket.MSG_WAITALL))
                if found == token and rank in awaited:
                    line.settimeout(None)
                    awaited.remove(rank)
                    self._listen(rank, line)
                    continue
            line.close()
        server.close()

    def _listen(self, rank, line):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in PROBES.items():
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.sockets[rank] = line
        threading.Thread(target=self._hear, args=(rank, line), daemon=True).start()

    def _hear(self, rank, line):
        try:
            heard = line.recv(4, socket.MSG_WAITALL)
        except OSError:
            heard = b""
        number = struct.unpack("<i", heard)[0] if len(heard) == 4 else rank
        if number != DONE:
            self._end(number)

    def _end(self, lost):
        """Tell the others who is lost, say it, and end."""
        with self.ending:
            self._tell(lost)
            print(
                f"Process {lost} of {self.hosts.count} is gone, so all end here; its own output "
                "says why. --weights last --resume goes on, with as many processes as you like.",
                file=sys.stderr,
            )
            _leave_at_once()

    def _tell(self, number):
        for line in self.sockets.values():
            with contextlib.suppress(OSError):
                line.sendall(struct.pack("<i", number))

    def done(self) -> None:
        """Tell the others that this process has ended as it should."""
        with self.ending:
            self._tell(DONE)


# -- While they are joined ---------------------------------------------------------------------


def place() -> tuple[int, int]:
    """Return (rank of this process, number of processes), (0, 1) where it is alone."""
    import keras

    if keras.backend.backend() != "jax":
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def leads() -> bool:
    """Return whether this is the process that writes files."""
    return place()[0] == 0


def common(value) -> np.ndarray:
    """Return the numbers that process 0 has for `value`, which all call this with."""
    if place()[1] == 1:
        return np.asarray(value)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def common_seed(seed: int | None = None) -> int:
    """Return the seed of process 0, drawn there where it is None."""
    return int(common(secrets.randbits(31) if seed is None else seed))


def check_batch(size: int) -> None:
    """Raise ValueError where a batch of `size` images cannot be shared by all devices."""
    if place()[1] == 1:
        return
    import jax

    devices = jax.device_count()
    if size % devices:
        raise ValueError(
            f"a batch of {size} images cannot be shared by {devices} devices of "
            f"{place()[1]} processes: take a multiple of {devices} with --batch (IMAGES_PER_GPU)"
        )


def wait_for_the_end() -> None:
    """Give the news that another process is gone the time to come, if there are others.

    What JAX raises then, in the middle of a step, says nothing to anybody.
    """
    if place()[1] > 1:
        time.sleep(5)
