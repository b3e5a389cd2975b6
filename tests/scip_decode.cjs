// An index of SCIP as JSON, read by the schema's own makers (npm: @c4312/scip), which share no line with ours.
const [, , modules, file] = process.argv;
const { deserializeSCIP } = require(`${modules}/@c4312/scip`);
const index = deserializeSCIP(require("fs").readFileSync(file));
process.stdout.write(JSON.stringify(index, (_, value) => (typeof value === "bigint" ? Number(value) : value)));
