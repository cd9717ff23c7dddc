@echo off
rem Starts node number <n> of the leaderless system: create_dynamo.bat <n> [<seed host:port>] [flags]
node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "%~dp0create_dynamo.js" %*
