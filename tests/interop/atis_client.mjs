/* SPDX-License-Identifier: MIT */
// A client of ATIS-1000096 and ATIS-1000105 servers that knows nothing of ours: npm jose for the tokens and the
// envelopes, Node's own http2 (or https) for the way. Its one argument is a JSON file that says where the server is and
// who the carriers are; it prints a line for each thing that it tried, and its exit status is 1 if one was not so.
import {createHash, createPrivateKey, createPublicKey, randomUUID, X509Certificate} from "node:crypto";
import {readFileSync} from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import * as jose from "jose";

const setup = JSON.parse(readFileSync(process.argv[2], "utf8"));
const ca = readFileSync(setup.ca);
const now = () => Math.floor(Date.now() / 1000);
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

// ---- the way ----

const session = setup.http === 2 ? http2.connect(setup.url, {ca}) : null;
const agent = new https.Agent({ca, keepAlive: true, maxSockets: 20});

function overHttp2(method, path, headers, body) {
    return new Promise((resolve, reject) => {
        const stream = session.request({":method": method, ":path": path, ...headers}, {endStream: !body});
        const answer = {headers: {}, text: ""};
        stream.setEncoding("utf8");
        stream.on("response", (fields) => Object.assign(answer, {status: fields[":status"], headers: fields}));
        stream.on("data", (text) => (answer.text += text));
        stream.on("end", () => resolve(answer));
        stream.on("error", reject);
        stream.end(body);
    });
}

function overHttp1(method, path, headers, body) {
    return new Promise((resolve, reject) => {
        if (body) {
            headers = {...headers, "content-length": Buffer.byteLength(body)};
        }
        const request = https.request(new URL(path, setup.url), {method, headers, agent}, (response) => {
            const answer = {status: response.statusCode, headers: response.headers, text: ""};
            response.setEncoding("utf8");
            response.on("data", (text) => (answer.text += text));
            response.on("end", () => resolve(answer));
        });
        request.on("error", reject);
        request.end(body);
    });
}

async function ask(method, path, token, body, more = {}) {
    const headers = {...more};
    if (token) {
        headers.authorization = "Bearer " + token;
    }
    if (body) {
        headers["content-type"] = "application/json";
    }
    const answer = await (session ? overHttp2 : overHttp1)(method, path, headers, body);
    answer.json = answer.text && /json/.test(answer.headers["content-type"]) ? JSON.parse(answer.text) : undefined;
    return answer;
}

// ---- who asks ----

class Carrier {
    constructor({spc, key, cert, x5u}) {
        const ends = "-----END CERTIFICATE-----";
        const pem = readFileSync(cert, "utf8").split(ends).filter((part) => part.includes("BEGIN"));
        this.spc = spc;
        this.key = createPrivateKey(readFileSync(key));
        this.x5c = pem.map((part) => new X509Certificate(part + ends).raw.toString("base64"));
        this.x5u = x5u;
        this.public = new X509Certificate(pem[0] + ends).publicKey;
    }

    sign(header, claims) {
        return new jose.CompactSign(Buffer.from(JSON.stringify(claims)))
            .setProtectedHeader({alg: "ES256", ...header})
            .sign(this.key);
    }

    token(action, {dest, orig, passports}, {header = {}, ...claims} = {}) {
        const all = {action, aud: setup.host, dest: claim(dest), iat: now(), iss: this.spc, jti: randomUUID(),
                     orig: claim(orig)};  // prettier-ignore
        if (passports) {
            all.passports = "sha256-" + sha256(JSON.stringify(passports)).toString("base64");
        }
        const from = Math.random() < 0.5 ? {x5u: this.x5u} : {x5c: this.x5c};
        return this.sign({...from, ...header}, JSON.parse(JSON.stringify({...all, ...claims})));
    }

    passport(orig, dest, ppt) {
        return this.sign({ppt, typ: "passport", x5u: this.x5u}, {dest: {tn: [dest]}, iat: now(), orig: {tn: orig}});
    }
}

const sha256 = (text) => createHash("sha256").update(text).digest();
const claim = (who) => (/^\d+$/.test(who) ? {tn: [who]} : {uri: [who]});
const [alice, bob, mallory] = ["alice", "bob", "mallory"].map((name) => new Carrier(setup.carriers[name]));

// ---- what travels ----

const boxKey = createPrivateKey(readFileSync(setup.boxKey));

async function seal(passport) {
    const length = [512, 1024, 2048, 4096, 8192].find((allowed) => allowed >= passport.length);
    return new jose.CompactEncrypt(Buffer.from(passport.padEnd(length)))
        .setProtectedHeader({alg: "ECDH-ES", cty: "passport", enc: "A256GCM"})
        .encrypt(createPublicKey(boxKey));
}

async function unseal(envelope) {
    return Buffer.from((await jose.compactDecrypt(envelope, boxKey)).plaintext).toString().trimEnd();
}

let serial = 0;

/** A call (or message) of its own: numbers that nobody used, PASSporTs in envelopes, the two shapes of its path. */
async function call({spc = "", dest, orig, ppts = ["shaken"]} = {}) {
    serial++;
    orig ??= `1202555${String(serial).padStart(4, "0")}`;
    dest ??= `1703555${String(serial).padStart(4, "0")}`;
    const inside = await Promise.all(ppts.map((ppt) => alice.passport("12025550100", "17035550100", ppt)));
    const passports = await Promise.all(inside.map(seal));
    const path = ["/passports", ...(spc ? [spc] : []), dest, orig].map((part, i) => (i ? encodeURIComponent(part) : part));
    return {dest, orig, passports, inside, path: path.join("/"), until: spc ? {exp: now() + 300} : {}};
}

const publish = async (who, it, claims = {}, more = {}) =>
    ask("POST", it.path, await who.token("publish", it, {...it.until, ...claims}), JSON.stringify({passports: it.passports}), more);
const retrieve = async (who, it, claims = {}) =>
    ask("GET", it.path, await who.token("retrieve", {...it, passports: null}, claims));

// ---- what has to be so ----

let failures = 0;

function check(what, good, seen) {
    if (!good) {
        failures++;
    }
    console.log(`${good ? "ok  " : "FAIL"} ${what}${good ? "" : ": " + JSON.stringify(seen).slice(0, 400)}`);
}

function isError(what, answer, status) {
    const {json} = answer;
    check(what, answer.status === status && json?.status === status && typeof json?.error === "string", answer);
}

function isCreated(what, answer) {
    check(what, answer.status === 201 && answer.text === '{"status":201,"message":"Created"}', answer);
}

async function has(what, answer, it) {
    check(what, answer.status === 200 && JSON.stringify(answer.json) === JSON.stringify({passports: it.passports}), answer);
    for (const [i, envelope] of (answer.json?.passports ?? []).entries()) {
        const passport = await unseal(envelope);
        const {payload} = await jose.compactVerify(passport, alice.public, {algorithms: ["ES256"]});
        check(what + ": verifies", passport === it.inside[i] && JSON.parse(Buffer.from(payload)).orig.tn === "12025550100", passport);
    }
}

// ---- what is tried ----

async function health() {
    const answer = await ask("GET", "/health");
    check("health", answer.status === 200 && answer.json.message === "OK", answer);
}

async function bothShapes() {
    for (const spc of ["", bob.spc]) {
        const shape = spc ? "ATIS-1000105" : "ATIS-1000096";
        const it = await call({spc, ppts: ["shaken", "div", "msg", "never-heard-of"]});
        isError(`${shape}: nothing there yet`, await retrieve(bob, it), 404);
        isCreated(`${shape}: publish`, await publish(alice, it));
        await has(`${shape}: retrieve`, await retrieve(bob, it), it);
        await has(`${shape}: retrieve again`, await retrieve(bob, it), it);
        const emergency = await call({spc, dest: "urn:service:sos", orig: `sip:u${randomUUID()}@example.com`});
        isCreated(`${shape}: publish to ${emergency.path}`, await publish(alice, emergency));
        await has(`${shape}: retrieve it`, await retrieve(bob, emergency), emergency);
        const whole = await call({spc});
        const body = JSON.stringify({passports: whole.passports});
        const digest = {passports: sha256(body).toString("base64url")};
        isCreated(`${shape}: the digest of the whole body`, await publish(alice, whole, digest));
        const other = await call({spc});
        const elsewhere = {...other, path: other.path.replace(/[^/]+$/, "12025559999"), orig: "12025559999"};
        isCreated(`${shape}: publish another`, await publish(alice, other));
        isError(`${shape}: another originator`, await retrieve(bob, elsewhere), 404);
    }
    const it = await call({spc: bob.spc});
    isCreated("ATIS-1000105: publish", await publish(alice, it));
    isError("ATIS-1000105: another provider", await retrieve(alice, it), 403);
    isError("ATIS-1000105: not below the other shape", await retrieve(bob, {...it, path: it.path.replace(bob.spc + "/", "")}), 404);
    isError("ATIS-1000105: a publish without exp", await publish(alice, await call({spc: bob.spc}), {exp: undefined}), 400);
}

async function retention() {
    const [kept, brief] = [await call(), await call({spc: bob.spc})];
    isCreated("retention: local policy", await publish(alice, kept));
    isCreated("retention: exp", await publish(alice, brief, {exp: now() + setup.retention}));
    await sleep(1000 * setup.retention + 1200);
    isError("retention: local policy is over", await retrieve(bob, kept), 404);
    isError("retention: exp is over", await retrieve(bob, brief), 404);
}

async function idempotency() {
    const it = await call();
    const key = {"idempotency-key": randomUUID()};
    isCreated("Idempotency-Key: first", await publish(alice, it, {}, key));
    isCreated("Idempotency-Key: again, another token", await publish(alice, it, {}, key));
    await has("Idempotency-Key: stored once", await retrieve(bob, it), it);
    const other = {...it, passports: (await call()).passports};
    isError("Idempotency-Key: another body", await publish(alice, other, {}, key), 422);
    isCreated("Idempotency-Key: another caller's", await publish(bob, other, {}, key));
}

async function bodies() {
    const it = await call();
    const plain = {...it, passports: it.inside};
    const answer = await publish(alice, plain);
    isError("a PASSporT that is not encrypted", answer, 422);
    check("... is told how", /encrypt/.test(answer.json?.detail), answer.json);
    const token = (body) => alice.token("publish", it, {passports: sha256(body).toString("base64url")});
    for (const [what, body] of [["not JSON", "{"], ["no array", '{"passports":"x"}'], ["an empty array", '{"passports":[]}'],
                                ["a name twice", '{"passports":["x"],"passports":["x"]}']]) {  // prettier-ignore
        isError("body: " + what, await ask("POST", it.path, await token(body), body), 400);
    }
    isError("body: too large", await ask("POST", it.path, await token("{}"), "x".repeat(20000)), 413);
}

async function tokens() {
    for (const spc of ["", bob.spc]) {
        const it = await call({spc});
        const post = async (what, status, claims, who = alice) =>
            isError(`${spc ? "105" : "096"} publish: ${what}`, await publish(who, it, claims), status);
        const get = async (what, status, claims, who = bob) =>
            isError(`${spc ? "105" : "096"} retrieve: ${what}`, await retrieve(who, it, claims), status);
        isError("no token", await ask("POST", it.path, null, JSON.stringify({passports: it.passports})), 401);
        isError("garbage", await ask("POST", it.path, "gar.ba.ge", JSON.stringify({passports: it.passports})), 401);
        await post("iat an hour ago", 401, {iat: now() - 3600});
        await post("iat in an hour", 401, {iat: now() + 3600});
        await post("exp is over", 401, {exp: now() - 3600});
        await post("another aud", 401, {aud: "other.example"});
        await post("the action of a retrieve", 403, {action: "retrieve"});
        await post("an unknown action", 401, {action: "destroy"});
        await post("another dest", 403, {dest: {tn: ["17035550000"]}});
        await post("another orig", 403, {orig: {tn: ["12025550000"]}});
        await post("no orig", 403, {orig: undefined});
        await post("the digest of other PASSporTs", 401, {passports: "sha256-" + sha256("[]").toString("base64")});
        await post("no digest", 401, {passports: undefined});
        await post("iss of another", 403, {iss: bob.spc});
        await post("an untrusted root", 401, {header: {x5c: mallory.x5c, x5u: undefined}}, mallory);
        await post("another's certificate", 401, {iss: alice.spc, header: {x5c: alice.x5c, x5u: undefined}}, bob);
        await post("both x5u and x5c", 401, {header: {x5c: alice.x5c, x5u: alice.x5u}});
        await post("no certificate", 401, {header: {x5c: undefined, x5u: undefined}});
        await post("x5u over http", 401, {header: {x5c: undefined, x5u: "http://certs.example.com/alice.pem"}});
        await get("nothing was stored by all that", 404, {});
        await get("the action of a publish", 403, {action: "publish"});
        await get("another dest", 403, {dest: {tn: ["17035550000"]}});
        await get("an untrusted root", 401, {iss: bob.spc, header: {x5c: mallory.x5c, x5u: undefined}}, mallory);
        const once = await alice.token("publish", it, it.until);
        const body = JSON.stringify({passports: it.passports});
        isCreated("a token", await ask("POST", it.path, once, body));
        isError("the same token again", await ask("POST", it.path, once, body), 401);
        const hmac = await new jose.CompactSign(Buffer.from("{}")).setProtectedHeader({alg: "HS256"}).sign(Buffer.from("x".repeat(32)));
        isError("HS256", await ask("POST", it.path, hmac, body), 401);
    }
}

async function manyAtOnce() {
    const calls = await Promise.all(Array.from({length: 100}, (_, i) => call({spc: i % 2 ? bob.spc : ""})));
    const stored = await Promise.all(calls.map((it) => publish(alice, it)));
    check("100 at once: publish", stored.every((answer) => answer.status === 201), stored.find((a) => a.status !== 201));
    const answers = await Promise.all(calls.map((it) => retrieve(bob, it)));
    const good = answers.filter((a, i) => a.status === 200 && a.json.passports[0] === calls[i].passports[0]);
    check("100 at once: retrieve", good.length === 100, answers.find((a) => !good.includes(a)));
}

// what is kept for a short time is tried by itself: the rest has no need to be quick
const parts = setup.retention ? [retention] : [health, bothShapes, idempotency, bodies, tokens, manyAtOnce];
for (const part of parts) {
    await part();
}
session?.close();
agent.destroy();
console.log(failures ? `${failures} were not so` : "all is so");
process.exitCode = failures ? 1 : 0;
