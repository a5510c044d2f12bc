"""The figures of `make bench`: see tests/bench/run."""
