#!/bin/sh
# Starts node 0 of a cluster of three; --nodes 5 makes it one of five. Further flags go to the node.
exec node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "$(dirname "$0")/create_server.js" 0 "$@"
