/* SPDX-License-Identifier: MIT */
// What the peers have in common: a command, a key's file and a header as arguments, one text a line on standard input,
// one answer a line on standard output; exit status 1 if something does not open or verify.
import {readFileSync} from "node:fs";
import {createPrivateKey, createPublicKey} from "node:crypto";
import * as jose from "jose";

const [command, keyFile, headerText = "{}"] = process.argv.slice(2);
const header = JSON.parse(headerText);
const octets = (text) => new TextEncoder().encode(text);
const text = (octets) => new TextDecoder("utf-8", {fatal: true}).decode(octets);

async function load(file, wantPrivate) {
    const content = readFileSync(file, "utf8");
    if (content.startsWith("{")) {
        return jose.importJWK(JSON.parse(content), header.alg ?? "ECDH-ES");
    }
    return wantPrivate ? createPrivateKey(content) : createPublicKey(content);
}

// an algorithm that is confused: the public key's text as the secret of HS256
const secret = (file) => octets(readFileSync(file, "utf8"));

const commands = {
    encrypt: async (key, line) => new jose.CompactEncrypt(octets(line)).setProtectedHeader(header).encrypt(key),
    decrypt: async (key, line) => text((await jose.compactDecrypt(line, key)).plaintext),
    sign: async (key, line) => new jose.CompactSign(octets(line)).setProtectedHeader(header).sign(key),
    verify: async (key, line) => text((await jose.compactVerify(line, key, {algorithms: ["ES256"]})).payload),
};

if (command === "keygen") {
    const {privateKey, publicKey} = await jose.generateKeyPair("ECDH-ES", {crv: keyFile, extractable: true});
    console.log(JSON.stringify(await jose.exportJWK(privateKey)));
    console.log(JSON.stringify(await jose.exportJWK(publicKey)));
} else {
    const key =
        header.alg === "HS256" ? secret(keyFile) : await load(keyFile, command === "sign" || command === "decrypt");
    for (const line of readFileSync(0, "utf8").split("\n").slice(0, -1)) {
        console.log(await commands[command](key, line));
    }
}
