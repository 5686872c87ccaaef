// What CATAPULT's LMS test suite asks of an LMS, told to the bridge's stand (stand.py) over loopback.
const Wreck = require(`${process.env.ANXUE_CATAPULT}/node_modules/@hapi/wreck`);
const {InvalidPackageError} = require(`${process.env.ANXUE_CATAPULT}/lib/errors`);
const stand = process.env.ANXUE_CMI5_STAND;

// Wreck is the suite's own client; its test environment has no fetch.
const ask = async (path, payload, headers = {"Content-Type": "application/json"}) => {
    const answer = await Wreck.request("POST", `${stand}${path}`, {payload, headers});
    return {status: answer.statusCode, told: await Wreck.read(answer, {json: true})};
};
const must = async (path, value) => {
    const {status, told} = await ask(path, JSON.stringify(value));
    if (status !== 200) {
        throw new Error(`${path}: ${status} ${JSON.stringify(told)}`);
    }
    return told;
};

module.exports = {
    setup: async () => undefined,
    teardown: async () => undefined,
    cleanup: async () => undefined,
    getLrsEndpoint: () => process.env.ANXUE_CMI5_LRS,
    getLrsAuthHeader: () => process.env.ANXUE_CMI5_LRS_AUTH,
    importCourse: async (stream, contentType, filename) => {
        const pieces = [];
        for await (const piece of stream) {
            pieces.push(piece);
        }
        const headers = {"Content-Type": contentType, "X-Name": filename};
        const {status, told} = await ask("/import", Buffer.concat(pieces), headers);
        if (status === 422) {
            throw new InvalidPackageError(`${told.reason}: ${told.message}`);
        }
        if (status !== 200) {
            throw new Error(`import: ${status} ${JSON.stringify(told)}`);
        }
        return told.package;
    },
    getLaunchUrl: async (packageId, au, actor, {registration, launchMode}) =>
        (await must("/launch", {package: packageId, au, actor, registration, launch_mode: launchMode})).url,
    hasWaive: () => true,
    waiveAU: (registration, au, reason) => must("/waive", {registration, au, reason}),
    hasAbandon: () => true,
    abandonSession: (session) => must("/abandon", {session})
};
