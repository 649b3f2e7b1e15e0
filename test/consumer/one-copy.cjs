// Loads the built package with require() and with import in one process: both must be the same module.
'use strict';
const assert = require('node:assert');

async function main() {
  const required = require('nestjs-fanout');
  const imported = await import('nestjs-fanout');
  const names = Object.keys(imported).sort();
  assert.ok(names.includes('FanoutModule'), 'the package has no FanoutModule');
  assert.deepEqual(
    Object.keys(required)
      .filter(name => name !== 'module.exports')
      .sort(),
    names,
  );
  for (const name of names) assert.equal(required[name], imported[name], `two copies of ${name}`);
  console.log(`node ${process.versions.node}: ${names.length} exports, the same for import and require()`);
}

main().catch(error => {
  console.error(error);
  process.exitCode = 1;
});
