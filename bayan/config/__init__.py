"""How an instance is set up, and its command."""

import os

# Matrices are small here: several threads of the linear algebra would only wait for each other, at full CPU.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
