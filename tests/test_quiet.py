"""What TensorFlow says while it starts: notes are dropped, all else arrives."""

import os
import subprocess
import sys

KERAS = """
import os
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written\\n")
os.write(2, b"I0000 00:00:1.2 7 port.cc:153] oneDNN custom operations are on.\\n")
os.write(2, b"E0000 00:00:1.2 7 cuda.cc:1] the driver is too old\\nIt matters\\n")
"""
START = "from mrcnn.quiet import start_keras; start_keras(); import os; os.write(2, b'after')"


def test_notes_are_dropped_and_errors_arrive(tmp_path):
    (tmp_path / "keras.py").write_text(KERAS)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}
    run = subprocess.run(
        [sys.executable, "-c", START], capture_output=True, text=True, env=environment
    )
    expected = "E0000 00:00:1.2 7 cuda.cc:1] the driver is too old\nIt matters\nafter"
    assert (run.returncode, run.stderr) == (0, expected)
