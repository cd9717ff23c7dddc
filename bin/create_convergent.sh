#!/bin/sh
# Starts one replica of the convergent system, in one of two forms:
#   PORT=8001 create_convergent.sh [flags]
#   create_convergent.sh <index> <port> '<ports of all>' [flags]
exec node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "$(dirname "$0")/create_convergent.js" "$@"
