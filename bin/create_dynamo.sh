#!/bin/sh
# Starts node number <n> of the leaderless system: create_dynamo.sh <n> [<seed host:port>] [flags]
exec node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "$(dirname "$0")/create_dynamo.js" "$@"
