"""Grids on the processor: functions made at run time for a model's shape and the processor's vectors, by LLVM."""
