#!/bin/sh
# Starts the master of the replicated log: create_log_master.sh [port] [--secondaries <url>,<url>…] [flags]
exec node --no-parallel-scavenge --max-semi-space-size=8 "$(dirname "$0")/create_log_master.js" "$@"
