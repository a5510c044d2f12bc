#!/bin/sh
# Makes 'configure' and 'Makefile.in' from a git checkout.
set -eu

cd "$(dirname "$0")"
# Several build directories may want this at the same time.
exec 9<configure.ac
flock 9
autoreconf --install "$@"
