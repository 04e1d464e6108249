/* SPDX-License-Identifier: MIT */
// node-smpp at one end of a bind: node-smpp-peer.mjs smsc [ANSWER_MS] | esme HOST PORT
// Reads commands from standard input and tells on standard output what happens, one JSON object a line:
//   {"send": "submit_sm", "fields": {...}}   sends a request; {"hex": "..."} among the fields stands for octets
//   {"bind": "bind_transceiver", "fields": {...}}   esme: connects and binds
//   {"raw": "..."}                           sends these octets, which node-smpp could not make
//   {"close": true}                          esme: unbinds and closes
// told: {"listening": port}; {"pdu": name, "hex": all its octets, "session": n, "read": fields} for each that arrives;
// {"sent": octets, "session": n} for each that goes; {"closed": n}; {"error": text}.
// An SMSC takes every bind and message, answers after ANSWER_MS, and sends a receipt where one is asked for.
import readline from "node:readline";
import smpp from "smpp";

smpp.addTLV("cps_verdict", {id: 0x1501, type: smpp.types.tlv.string});
smpp.addTLV("cps_signer", {id: 0x1502, type: smpp.types.tlv.string});

const RECEIPT = 0x04;
const sessions = new Map();
let last_session = 0;
let last_id = 0;

function tell(what) {
    process.stdout.write(JSON.stringify(what) + "\n");
}

// The octets of a PDU as they came: node-smpp reads its length first and then the rest.
function tap(session) {
    const {socket} = session;
    const read = socket.read.bind(socket);
    let octets = [];
    socket.read = (n) => {
        const part = read(n);
        if (part) octets.push(part);
        return part;
    };
    return () => {
        const all = Buffer.concat(octets);
        octets = [];
        return all.toString("hex");
    };
}

function shown(value) {
    if (Buffer.isBuffer(value)) return {hex: value.toString("hex")};
    if (value instanceof Date) return value.toISOString();
    if (Array.isArray(value)) return value.map(shown);
    if (value && typeof value === "object") {
        return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shown(v)]));
    }
    return value;
}

function octets_of(value) {
    if (!value || typeof value !== "object") return value;
    if (typeof value.hex === "string") return Buffer.from(value.hex, "hex");
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, octets_of(v)]));
}

function watch(session) {
    const number = ++last_session;
    const octets = tap(session);
    const write = session.socket.write.bind(session.socket);
    session.socket.write = (pdu, ...more) => {
        tell({sent: pdu.toString("hex"), session: number});
        return write(pdu, ...more);
    };
    sessions.set(number, session);
    session.on("pdu", (pdu) => tell({pdu: pdu.command, hex: octets(), session: number, read: shown({...pdu})}));
    session.on("error", (error) => tell({error: String(error), session: number}));
    session.on("close", () => {
        sessions.delete(number);
        tell({closed: number});
    });
    return number;
}

function receipt(pdu, id) {
    const text = `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:`;
    return {
        source_addr_ton: pdu.dest_addr_ton, source_addr_npi: pdu.dest_addr_npi, source_addr: pdu.destination_addr,
        dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi, destination_addr: pdu.source_addr,
        esm_class: RECEIPT, data_coding: 0, short_message: text, receipted_message_id: id, message_state: 2,
    };
}

function smsc(answer_ms) {
    const server = smpp.createServer((session) => {
        watch(session);
        for (const bind of ["bind_transceiver", "bind_transmitter", "bind_receiver"]) {
            session.on(bind, (pdu) => session.send(pdu.response({system_id: "NODESMSC"})));
        }
        for (const message of ["submit_sm", "data_sm"]) {
            session.on(message, (pdu) => {
                const id = "a" + (++last_id).toString(16);
                const answer = () => session.send(pdu.response({message_id: id}));
                if (answer_ms) setTimeout(answer, answer_ms);
                else answer();
                if (pdu.registered_delivery & 1) setTimeout(() => session.deliver_sm(receipt(pdu, id)), 20);
            });
        }
        session.on("enquire_link", (pdu) => session.send(pdu.response()));
        session.on("unbind", (pdu) => session.send(pdu.response(), () => session.close()));
        session.on("unknown", (pdu) => session.send(pdu.response()));
    });
    server.listen(0, "127.0.0.1", () => tell({listening: server.address().port}));
}

function esme(host, port, bind, fields) {
    const session = smpp.connect({host, port}, () => session[bind](octets_of(fields)));
    watch(session);
    for (const message of ["deliver_sm", "data_sm"]) session.on(message, (pdu) => session.send(pdu.response()));
    session.on("enquire_link", (pdu) => session.send(pdu.response()));
    session.on("unbind", (pdu) => session.send(pdu.response(), () => session.close()));
    session.on("unbind_resp", () => session.close());
}

const [role, where, port] = process.argv.slice(2);
if (role === "smsc") smsc(Number(where ?? 0));

readline.createInterface({input: process.stdin}).on("line", (line) => {
    const {send, bind, fields = {}, session, close, raw} = JSON.parse(line);
    if (bind) {
        esme(where, Number(port), bind, fields);
        return;
    }
    const to = sessions.get(session ?? last_session);
    if (close) to.unbind();
    else if (raw) to.socket.write(Buffer.from(raw, "hex"));
    else to[send](octets_of(fields));
}).on("close", () => process.exit(0));
