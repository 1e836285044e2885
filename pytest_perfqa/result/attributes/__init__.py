"""What can be asked of a run or a part of it, a file each."""
