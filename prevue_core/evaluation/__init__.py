"""What predictions say: every number of a test is derived from its samples, by NumPy and nothing else of ours.

Classes are numbers 0 to k - 1, in the order of an evaluation's labels. Weights are finite and not negative; without
them every sample counts 1. Nothing here reads a database or knows HTTP: arrays in, arrays and named tuples out.
"""
