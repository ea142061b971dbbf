"""mergekit's own command, run for several recipes in one process: `python command.py RECIPE OUT SEED ...`."""

import sys

from mergekit.scripts.run_yaml import main

for recipe, out, seed in zip(*[iter(sys.argv[1:])] * 3, strict=True):
    main([recipe, out, "--random-seed", seed, "--quiet"], standalone_mode=False)
