"""For all tests, of the package and of the chapters: output is compared, so show no progress."""

import os

os.environ["TQDM_DISABLE"] = "1"  # a kernel that nbval starts inherits it
