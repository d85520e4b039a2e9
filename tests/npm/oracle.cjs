// Answers questions about npm's `semver`, one JSON line in, one JSON line out.
// usage: node oracle.cjs <path of the semver package>
const semver = require(require("path").resolve(process.argv[2]));

const attempt = (work) => {
  try {
    return work();
  } catch {
    return "invalid";
  }
};

// `satisfies` answers false to an invalid version or range; here those are told apart.
const satisfies = ({ version, range, options }) => {
  new semver.Range(range, options);
  new semver.SemVer(version, options);
  return semver.satisfies(version, range, options);
};

const version = ({ version, options }) => {
  const parsed = new semver.SemVer(version, options);
  return [parsed.version, parsed.prerelease, parsed.build];
};

const answers = {
  satisfies,
  version,
  range: ({ range, options }) => new semver.Range(range, options).range,
  intersects: ({ a, b, options }) => semver.intersects(a, b, options),
  subset: ({ a, b, options }) => semver.subset(a, b, options),
  compare: ({ a, b, options }) => semver.compare(a, b, options),
  max: ({ versions, range, options }) => semver.maxSatisfying(versions, range, options),
  min: ({ versions, range, options }) => semver.minSatisfying(versions, range, options),
  release: () => require(require("path").resolve(process.argv[2], "package.json")).version,
};

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const asked = lines.filter((line) => line !== "").map((line) => JSON.parse(line));
const told = asked.map((question) => JSON.stringify(attempt(() => answers[question.op](question))));
process.stdout.write(told.join("\n") + "\n");
