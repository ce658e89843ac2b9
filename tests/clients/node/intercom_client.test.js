// Intercom's own client for Node, with only the sandbox's address and token.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { IntercomClient, IntercomError } from "intercom-client";

const ACCESS_TOKEN = "sandbox-token";
const COMMAND = process.env.EVENTS_PANDAS ?? "events-pandas";
const SECOND = 1_389_913_941;
// The client tries three times by default.
const ONCE = { maxRetries: 0 };

const now = Math.floor(Date.now() / 1000);

/** Run the command, and return its address, and a function that ends it. */
async function runSandbox(...options) {
    const child = spawn(COMMAND, ["sandbox", "--port", "0", ...options], { stdio: ["ignore", "pipe", "inherit"] });
    const stop = async () => {
        child.kill();
        await once(child, "exit");
    };
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    return { url: line.match(/http:\/\/[\w.]+:\d+/)[0], stop };
}

/** Run a sandbox for one test, and return its address. */
async function startSandbox(context, ...options) {
    const sandbox = await runSandbox(...options);
    context.after(sandbox.stop);
    return sandbox.url;
}

/** Change what the sandbox does, while it runs. */
async function control(url, settings) {
    const headers = { Authorization: `Bearer ${ACCESS_TOKEN}`, "Content-Type": "application/json" };
    const answer = await fetch(`${url}/sandbox/control`, { method: "PATCH", headers, body: JSON.stringify(settings) });
    assert.equal(answer.status, 200, await answer.text());
}

function connect(url, options) {
    return new IntercomClient({ token: ACCESS_TOKEN, environment: url, ...options });
}

/** Return an event of a user that no other test has. */
function eventOf(user_id, changes) {
    return { user_id, event_name: "placed-order", created_at: SECOND, ...changes };
}

/** Return status, code and message of what the client throws. */
async function errorOf(promise) {
    const error = await promise.then(
        () => assert.fail("nothing was thrown"),
        (thrown) => thrown,
    );
    assert.ok(error instanceof IntercomError, String(error));
    const [{ code, message }] = error.body.errors;
    return [error.statusCode, code, message];
}

/** Return names, counts and times of a contact's events. */
async function summaryOf(client, user_id) {
    const { events } = await client.events.list({ type: "user", user_id, summary: true });
    return events.map(({ name, count, first, last }) => ({ name, count, first, last }));
}

let url;
let client;
let stop;

before(async () => {
    ({ url, stop } = await runSandbox("--limit", "0", "--unknown-contact", "nobody"));
    client = connect(url);
});

after(() => stop());

test("an event of a user is kept", async () => {
    await client.events.create(eventOf("kept", { created_at: now, metadata: { source: "desktop" } }));

    const { events, user_id } = await client.events.list({ type: "user", user_id: "kept" });

    assert.equal(user_id, "kept");
    assert.equal(events.length, 1);
    assert.equal(events[0].event_name, "placed-order");
    assert.equal(events[0].created_at, now);
    assert.deepEqual(events[0].metadata, { source: "desktop" });
});

test("an event of a lead is named by the id in the answer to its creation", async () => {
    const lead = await client.contacts.create({ role: "lead", name: "Ada" });

    await client.events.create({ id: lead.id, event_name: "asked-question", created_at: now });

    const { events } = await client.events.list({ type: "user", intercom_user_id: lead.id });
    assert.deepEqual(events.map((event) => event.event_name), ["asked-question"]);
});

test("an event by email belongs to the user with the address", async () => {
    await client.contacts.create({ external_id: "by-email", email: "ada@example.com" });

    await client.events.create({ email: "ada@example.com", event_name: "placed-order", created_at: now });

    const { events } = await client.events.list({ type: "user", user_id: "by-email" });
    assert.equal(events.length, 1);
});

test("a repeat is answered like the first event, and ignored", async () => {
    await client.events.create(eventOf("repeated"));
    await client.events.create(eventOf("repeated"));

    assert.deepEqual((await summaryOf(client, "repeated")).map((event) => event.count), [1]);
});

test("a list goes from page to page", async () => {
    for (const number of [0, 1, 2, 3, 4]) {
        await client.events.create(eventOf("paged", { created_at: now - number }));
    }

    const pages = [await client.events.list({ type: "user", user_id: "paged", per_page: 2 })];
    while (pages.at(-1).pages.next) {
        const { type, ...query } = Object.fromEntries(new URL(pages.at(-1).pages.next).searchParams);
        pages.push(await client.events.list({ type }, { queryParams: query }));
    }

    assert.deepEqual(
        pages.map((page) => page.events.map((event) => now - event.created_at)),
        [[0, 1], [2, 3], [4]],
    );
});

test("a summary has count, first and last of each name", async () => {
    for (const second of [SECOND, SECOND + 10, SECOND + 20]) {
        await client.events.create(eventOf("summed-up", { created_at: second }));
    }

    assert.deepEqual(await summaryOf(client, "summed-up"), [
        {
            name: "placed-order",
            count: 3,
            first: "2014-01-16T23:12:21.000+00:00",
            last: "2014-01-16T23:12:41.000+00:00",
        },
    ]);
});

test("summaries that are sent are added to the counts", async () => {
    await client.events.create(eventOf("counted"));
    const event_summaries = { event_name: "placed-order", count: 4, first: SECOND - 100, last: SECOND - 10 };

    await client.events.summaries({ user_id: "counted", event_summaries });

    assert.deepEqual((await summaryOf(client, "counted")).map((event) => event.count), [5]);
});

test("GET /me names the admin and the workspace", async () => {
    const admin = await client.admins.identify();

    assert.equal(admin.type, "admin");
    assert.equal(admin.app.region, "US");
    assert.match(admin.app.id_code, /^sandbox_/);
});

test("a contact that is created is found", async () => {
    const external_id = "a/b c%2F?ä";
    const created = await client.contacts.create({ external_id, name: "Ada", custom_attributes: { plan: "pro" } });

    const found = await client.contacts.showContactByExternalId({ external_id });

    assert.equal(found.id, created.id);
    assert.equal(found.role, "user");
    assert.deepEqual(found.custom_attributes, { plan: "pro" });
});

test("a search goes from page to page by itself", async () => {
    for (const name of ["searched-1", "searched-2", "searched-3", "other"]) {
        await client.contacts.create({ external_id: name, name });
    }
    const query = {
        operator: "AND",
        value: [
            { field: "name", operator: "^", value: "searched" },
            { field: "external_id", operator: "NIN", value: ["searched-2"] },
        ],
    };

    const found = [];
    for await (const contact of await client.contacts.search({ query, pagination: { per_page: 1 } })) {
        found.push(contact.external_id);
    }

    assert.deepEqual(found.sort(), ["searched-1", "searched-3"]);
});

test("400 names the field", async () => {
    const [status, code] = await errorOf(client.events.create(eventOf("bad", { event_name: "" })));

    assert.deepEqual([status, code], [400, "parameter_not_found"]);
});

test("401 for a wrong token", async () => {
    const stranger = connect(url, { token: "wrong" });

    assert.deepEqual(await errorOf(stranger.events.create(eventOf("stranger"))), [
        401,
        "unauthorized",
        "Access Token Invalid",
    ]);
});

test("404 for an unknown contact", async () => {
    const expected = [404, "not_found", "User Not Found"];

    assert.deepEqual(await errorOf(client.events.create(eventOf("nobody"))), expected);
    assert.deepEqual(await errorOf(client.contacts.showContactByExternalId({ external_id: "nobody" })), expected);
});

test("404 for other endpoints", async () => {
    const [status, code] = await errorOf(client.tags.list());

    assert.deepEqual([status, code], [404, "resource_not_found"]);
});

test("406 if JSON is not accepted", async () => {
    const [status, code] = await errorOf(client.events.create(eventOf("html"), { headers: { Accept: "text/html" } }));

    assert.deepEqual([status, code], [406, "media_type_not_acceptable"]);
});

test("409 for an address of two users", async () => {
    for (const external_id of ["twin-1", "twin-2"]) {
        await client.contacts.create({ external_id, email: "twin@example.com" });
    }

    const event = { email: "twin@example.com", event_name: "placed-order", created_at: SECOND };

    assert.deepEqual((await errorOf(client.events.create(event))).slice(0, 2), [409, "conflict"]);
});

test("422 at the 121st name", async (context) => {
    const crowded = connect(await startSandbox(context, "--limit", "0"));
    for (let number = 0; number < 120; number += 1) {
        await crowded.events.create(eventOf("crowded", { event_name: `event-${number}` }));
    }

    assert.deepEqual(await errorOf(crowded.events.create(eventOf("crowded", { event_name: "one-too-many" }))), [
        422,
        "422",
        "Cannot have more than 120 active event names",
    ]);
});

test("429 over the limit, with its headers", async (context) => {
    const limited = connect(await startSandbox(context, "--limit", "1", "--window-seconds", "3600"));
    await limited.events.create(eventOf("limited"));

    await assert.rejects(limited.events.create(eventOf("limited"), ONCE), (error) => {
        assert.equal(error.statusCode, 429);
        assert.equal(error.body.errors[0].code, "rate_limit_exceeded");
        assert.equal(error.rawResponse.headers.get("X-RateLimit-Remaining"), "0");
        return true;
    });
});

for (const status of [400, 401, 403, 404, 409, 422, 429, 500, 503, 504]) {
    test(`${status} when it is chosen`, async () => {
        await control(url, { fail_next: { fault: status } });

        const [found, code] = await errorOf(client.events.create(eventOf(`chosen-${status}`), ONCE));

        assert.equal(found, status);
        assert.ok(code);
    });
}

test("502 is a page", async () => {
    await control(url, { fail_next: { fault: 502 } });

    await assert.rejects(client.events.create(eventOf("gateway"), ONCE), (error) => {
        assert.equal(error.statusCode, 502);
        assert.match(error.message, /<html>/);
        return true;
    });
});

for (const [fault, count] of [["drop_before", 0], ["drop_after", 1]]) {
    test(`a connection that is closed, ${fault}, is an error without a status`, async () => {
        await control(url, { fail_next: { fault } });

        // Short: the client's timer goes on after a lost connection, and node waits for it.
        await assert.rejects(client.events.create(eventOf(fault), { ...ONCE, timeoutInSeconds: 1 }), (error) => {
            assert.ok(error instanceof IntercomError);
            assert.equal(error.statusCode, undefined);
            return true;
        });

        assert.equal((await summaryOf(client, fault)).length, count);
    });
}

test("garbage is not an error if the client does not read the body", async () => {
    await control(url, { fail_next: { fault: "garbage" } });

    await client.events.create(eventOf("garbled"), ONCE);

    assert.deepEqual((await summaryOf(client, "garbled")).map((event) => event.count), [1]);
});

test("garbage is handed on if the client expects JSON", async () => {
    await control(url, { fail_next: { fault: "garbage", path: "/me" } });

    const admin = await client.admins.identify(ONCE);

    assert.equal(admin.ok, false);
    assert.equal(admin.error.reason, "non-json");
});

test("silence is a timeout", async () => {
    await control(url, { fail_next: { fault: "no_answer" } });

    await assert.rejects(client.events.create(eventOf("silent"), { ...ONCE, timeoutInSeconds: 0.2 }), {
        message: /timeout/,
    });

    assert.equal((await summaryOf(client, "silent")).length, 1);
});

test("a passing failure is retried by the client", async (context) => {
    const quick = await startSandbox(context, "--window-seconds", "1");
    await control(quick, { fail_next: { fault: 500 } });
    const retrying = connect(quick);

    await retrying.events.create(eventOf("retried"));

    assert.deepEqual((await summaryOf(retrying, "retried")).map((event) => event.count), [1]);
});
