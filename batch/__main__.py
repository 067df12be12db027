"""`python -m flashdepth_batch`: the command where no script folder is on the path."""

from .main import run

run()
