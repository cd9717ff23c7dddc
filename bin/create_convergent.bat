@echo off
rem Starts one replica of the convergent system, in one of two forms:
rem   set PORT=8001, then create_convergent.bat [flags]
rem   create_convergent.bat ^<index^> ^<port^> "<ports of all>" [flags]
node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "%~dp0create_convergent.js" %*
