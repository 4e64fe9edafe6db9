"""What a training run needs besides its weights, to go on where it was."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn import hdf5
from mrcnn.nn.weights_file import text_of
from mrcnn.training import run_files


@dataclass
class State:
    """The epochs done, the best score, its epoch and what it is a score of, the learning rate, and
    the optimizer's variables by path. `best_loss` decides between equal scores; `images` is of how
    many validation images they are, where that is a choice. `plan` is the name of the run's plan,
    `highest_rate` the learning rate that it started from, `layers` and `epochs` what learns and for
    how long; `accumulate` batches make a step."""

    epoch: int
    best: float | None
    best_epoch: int | None
    learning_rate: float
    variables: dict[str, np.ndarray]
    monitor: str | None = None
    best_loss: float | None = None
    images: int | None = None
    plan: str | None = None
    highest_rate: float | None = None
    accumulate: int = 1
    layers: str | None = None
    epochs: int | None = None

    def save(self, folder: str | Path) -> None:
        """Write the state into a run's folder, atomically."""
        numbers = dict(vars(self))
        variables = numbers.pop("variables")
        with hdf5.replacing(Path(folder) / run_files.STATE_FILE) as file:
            # Texts of one length: of any other, damage can make HDF5 search for ever.
            file.attrs[run_files.STATE_HEADER] = np.bytes_(json.dumps(numbers))
            for index, (name, array) in enumerate(variables.items()):
                dataset = file.create_dataset(f"variable_{index:04d}", data=array)
                dataset.attrs["name"] = np.bytes_(name.encode())

    @classmethod
    def load(cls, folder: str | Path, epoch: int) -> "State":
        """Read the state in a run's folder, which must be that after `epoch`.

        Raises ValueError where it is not, or the file is no state.
        """
        path = run_files.state_file(folder)
        try:
            with hdf5.reading(path) as file:
                variables = {text_of(d.attrs["name"]): d[()] for d in file.values()}
                state = cls(variables=variables, **json.loads(file.attrs[run_files.STATE_HEADER]))
            numbers = float(state.best or 0), state.batches, float(state.learning_rate)
            if min(numbers[1:]) < 0:
                raise ValueError("its numbers are none of a run")
        # A damaged file makes h5py raise anything.
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ValueError(
                f"{path} is not the state of a training run ({reason}): start from the weights "
                "alone, without --resume"
            ) from error
        if state.epoch != epoch:
            raise ValueError(
                f"{path} is of epoch {state.epoch}, the weights of {epoch}: load the checkpoint "
                f"of epoch {state.epoch} to resume"
            )
        return state

    @property
    def batches(self) -> int:
        """The batches that the optimizer has had."""
        return int(self.variables.get("iteration", 0))


def optimizer_variables(optimizer) -> dict[str, np.ndarray]:
    """Return the variables of a Keras optimizer by path, but for the learning rate."""
    return {path: np.asarray(variable) for path, variable in _variables(optimizer).items()}


def restore_optimizer(optimizer, arrays: dict[str, np.ndarray]) -> bool:
    """Assign an optimizer's variables; False, with nothing assigned, where they do not fit."""
    variables = _variables(optimizer)
    fits = variables.keys() == arrays.keys() and all(
        tuple(variable.shape) == arrays[path].shape for path, variable in variables.items()
    )
    if fits:
        for path, variable in variables.items():
            variable.assign(arrays[path])
    return fits


def _variables(optimizer):
    # Keras numbers the optimizers of a process, `sgd_1/...`: that is left out of the path.
    return {
        variable.path.removeprefix(f"{optimizer.name}/"): variable
        for variable in optimizer.variables
        if variable is not optimizer.learning_rate
    }
