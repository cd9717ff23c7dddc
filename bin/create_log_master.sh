#!/bin/sh
# Starts the master of the replicated log: create_log_master.sh [port] [--secondaries <url>,<url>…] [flags]
exec node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "$(dirname "$0")/create_log_master.js" "$@"
