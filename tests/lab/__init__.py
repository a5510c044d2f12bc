"""Network namespaces, Open vSwitch instances, firsthopd and meters: what the
system tests, the bench and firsthop.mininet set their networks up with."""
