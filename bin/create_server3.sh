#!/bin/sh
# Starts node 3 of a cluster of five (start nodes 0 to 2 with --nodes 5). Further flags go to the node.
exec node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "$(dirname "$0")/create_server.js" 3 "$@"
