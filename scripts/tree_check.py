"""What the checks that read the whole tree have in common: how they are asked and how they answer."""

import sys
from pathlib import Path


def main(check_tree, unit):
    """check_tree(root) gives how many it looked at and its faults, a line each; the exit code."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    count, faults = check_tree(root)
    for fault in faults:
        print(fault)
    print(f"{count} {unit}, {len(faults)} faults")
    return 1 if faults or count == 0 else 0
