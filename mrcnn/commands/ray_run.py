"""A run over photos on a Ray cluster: scheduling, transport and retries are Ray Data's."""

import argparse
import dataclasses
import functools
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from mrcnn.commands.answers import answers, take
from mrcnn.commands.opening import Opened
from mrcnn.commands.outcome import Outcome
from mrcnn.commands.streaming import PATIENCE, Ahead
from mrcnn.progress import Progress, duration

# For Ray, unless set already: it notes less about itself, and starts at a call of `init` alone.
SET = {"RAY_DATA_LOG_LEVEL": "CRITICAL", "RAY_BACKEND_LOG_LEVEL": "fatal"}
SET |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_AUTO_CONNECT": "0"}
# Tasks a predictor, so that all end at about one time, photos a task at most, and tasks in all.
TASKS_EACH, PHOTOS_OF_TASK, TASKS = 20, 16, 10_000
# Seconds between two looks whether to stop, and without a photo after which that is said.
WAIT, STALLED = 0.2, 300.0


def library():
    """Return Ray; raises ValueError, with what to do, where it is not there."""
    os.environ |= SET | dict(os.environ)
    try:
        import ray.data
    except ImportError as error:
        raise ValueError('--ray needs Ray: pip install ".[ray]"') from error
    return ray


def start(opened: Opened, arguments: argparse.Namespace) -> Callable:
    """Join the cluster, or start one here; return `predict` on it. Raises OSError without any."""
    ray = library()
    try:
        if ":" in arguments.ray:  # Ray asks for minutes where nobody answers
            socket.create_connection(arguments.ray.rsplit(":", 1), 10).close()
        ray.init(arguments.ray or None, log_to_driver=False, logging_level="ERROR")
        count, needs = places(ray.nodes(), arguments.device == "cpu", arguments.predictors)
    except Exception as error:
        raise OSError(f"--ray {arguments.ray}: {_sentence(error)}") from error
    print(f"{count} predictor{'s' * (count > 1)} on the Ray cluster", flush=True)
    return functools.partial(_predict, ray, functools.partial(_answers, ray, opened, count, needs))


def _sentence(error):
    """Return what one of Ray's errors, which hold the text of others, says in the end."""
    return next(filter(None, map(str.strip, str(error).splitlines()[::-1])), type(error).__name__)


def places(machines: Iterable[dict], on_cpu: bool, each: int) -> tuple[int, dict]:
    """Return how many predictors there shall be, and what Ray shall keep for one.

    `machines` are what `ray.nodes` tells. One is on each GPU; where there is none, or `on_cpu`,
    `each` are on a machine, and more on those with more cores than the smallest. May raise OSError.
    """
    has = [machine["Resources"] for machine in machines if machine["Alive"]]
    gpus = sum(int(one.get("GPU", 0)) for one in has)
    if gpus and not on_cpu:
        return gpus, {"num_gpus": 1, "num_cpus": 0}
    cores = [int(one["CPU"]) for one in has if one.get("CPU", 0) >= 1]
    if not cores:
        raise OSError("no machine of the cluster has a core or a GPU for this run")
    cpus = min(cores) // each or min(cores) / each
    return sum(each * (one // min(cores)) for one in cores), {"num_cpus": cpus}


class Predictor:
    """Finds objects in photos with a network of its own, in a process on any machine.

    `weights` is Ray's reference to the bytes of the file that was `opened`; relative names are of
    files in `folder`; `cores` is how many it may use, 0 for all; `masks` is as of `photo_record`.
    """

    def __init__(self, opened: Opened, weights, folder: str, cores: float, masks: str):
        if os.path.isdir(folder):  # else photos with relative names are not there either
            os.chdir(folder)
        if cores:
            os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, int(cores)))
        self._known = opened.class_names, masks
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, opened.info.path.name)
            path.write_bytes(library().get(weights))
            info = dataclasses.replace(opened.info, path=path)
            self._detector = dataclasses.replace(opened, info=info).detector

    def __call__(self, batch: dict) -> dict:
        """Return the `answer` to each `photo` of a batch; both are JSON."""
        photos = map(json.loads, batch["photo"].tolist())
        return {"answer": list(map(json.dumps, answers(self._detector, photos, *self._known)))}


def _answers(ray, opened, count, needs, names, masks):
    """Yield what `count` predictors, for each of which Ray keeps `needs`, answer to the names."""
    tasks = min(len(names), TASKS, max(count * TASKS_EACH, -(-len(names) // PHOTOS_OF_TASK)))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = -1  # which photos are lost with them is seen in the end
    made = {"opened": opened, "weights": ray.put(opened.info.path.read_bytes()), "masks": masks}
    made |= {"folder": os.getcwd(), "cores": needs["num_cpus"]}
    rows = [{"photo": json.dumps(name)} for name in names]
    try:
        found = ray.data.from_items(rows, override_num_blocks=tasks).map_batches(
            Predictor,
            batch_size=-(-len(names) // tasks),
            compute=ray.data.ActorPoolStrategy(size=min(count, tasks)),
            fn_constructor_kwargs=made,
            **needs,
        )
        for batch in found.iter_batches(batch_size=None, prefetch_batches=0):
            yield from map(json.loads, batch["answer"])
    except Exception as error:
        raise OSError(f"Ray has stopped: {_sentence(error)}") from error


def _predict(ray, find, photos, class_names, writers, arguments, stop):
    with Progress(None, "Photos found") as progress:
        names = [(str(path), progress.update())[0] for path in photos]
    outcome, left, waited = Outcome(), dict.fromkeys(names), 0
    coming = Ahead(find(names, arguments.json_masks) if names else ())
    with Progress(len(names), every=0, compiles=True) as progress:
        while not stop.is_set():
            try:
                answer, waited = coming.get(WAIT), 0
            except StopIteration:
                break
            except TimeoutError:
                if (waited := waited + WAIT) % STALLED < WAIT:
                    progress.line(f"No photo for {duration(waited)}: `ray status` may tell why")
                continue
            if answer["file"] in left:  # each is given once, whatever Ray repeats
                take(answer, outcome, progress, writers)
                del left[answer["file"]]
    outcome.seconds_each, outcome.left = progress.seconds_each, len(left)
    if stop.is_set():
        outcome.following = next(iter(left), None)
    else:
        outcome.failed += len(left)
        text = "lost by Ray (RAY_DATA_LOG_LEVEL=ERROR tells why), --resume does it again"
        sys.stderr.writelines(f"{name}: {text}\n" for name in left)
    coming.close(PATIENCE)
    ray.shutdown()
    return outcome
