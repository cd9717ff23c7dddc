#!/usr/bin/env node
// Starts a secondary of the replicated log on this machine; see create_log.js.
'use strict';
require('./create_log').runSecondary(process.argv.slice(2));
