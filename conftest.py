"""For all tests, of the package and of the chapters: output is compared, so it must not vary."""

import os

# The kernels that nbval starts inherit these: no progress bar, and no line that names a GPU.
os.environ["TQDM_DISABLE"] = "1"
os.environ["ADAMTUT_DEVICE"] = "cpu"
# As many threads as workers: more wait for each other, busily. Tests of threads ask for theirs.
os.environ["OMP_NUM_THREADS"] = "1"
