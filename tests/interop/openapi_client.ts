/* SPDX-License-Identifier: MIT */
// A client of what openapi-typescript makes of cps/openapi.yaml: publishes an envelope, finds it in the list, fetches it.
// Its one argument is a JSON text with url, dest, envelope, token. Where the compiler must object, it is told to expect it:
// a description that allows anything would not compile.
import createClient from "openapi-fetch";
import type {operations, paths} from "./schema.js";

declare const process: {argv: string[]};
type Setup = {url: string; dest: string; envelope: string; token: string};
const setup: Setup = JSON.parse(process.argv[2] ?? "");
const cps = createClient<paths>({baseUrl: setup.url});

function must<T>(what: T | undefined, error: unknown): T {
    if (what === undefined) {
        throw new Error(JSON.stringify(error));
    }
    return what;
}

const box = {path: {dest: setup.dest}};
const asItIs = {bodySerializer: (body: string) => body};
const type = {"Content-Type": "application/passport"};

const refused = await cps.POST("/cps/{dest}/ppts", {params: box, body: setup.envelope, headers: type, ...asItIs});
const problem: {status: number; title: string; detail?: string} = must(refused.error, "published without a token");
console.log(refused.response.status, problem.title);

const headers = {...type, Authorization: "Bearer " + setup.token};
const stored = await cps.POST("/cps/{dest}/ppts", {params: {...box, query: {ttl: 60}}, body: setup.envelope, headers, ...asItIs});
console.log(stored.response.status, stored.response.headers.get("Location"));

type List = operations["list"]["responses"][200]["content"]["application/json"];
const answer = await cps.GET("/cps/{dest}/ppts", {params: box, headers: {Accept: "application/json"}});
const list = must(answer.data, answer.error) as unknown as List;
const mine = must(list.ppts.find((entry) => entry.ppt === setup.envelope), "not listed");

const path = {dest: setup.dest, id: mine.id};
const fetched = await cps.GET("/cps/{dest}/ppts/{id}", {params: {path}, parseAs: "text"});
console.log(fetched.response.status, fetched.data === setup.envelope);

// @ts-expect-error the box has to be named
const unnamed = () => cps.POST("/cps/{dest}/ppts", {params: {path: {}}, body: setup.envelope, ...asItIs});
// @ts-expect-error seconds are a number
const worded = () => cps.POST("/cps/{dest}/ppts", {params: {...box, query: {ttl: "60"}}, body: setup.envelope, ...asItIs});
// @ts-expect-error there is no such path
const elsewhere = () => cps.GET("/cps/{dest}/boxes", {params: box});
// @ts-expect-error an entry has no such member
const member = () => mine.from;
void [unnamed, worded, elsewhere, member];
