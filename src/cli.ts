#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=4
import { main } from './main.ts'

process.exitCode = await main(process.argv.slice(2))
