// The requests of intercom-client 2: HTTP Basic, users and leads of API 1.x.

import assert from "node:assert/strict";

const { Client } = (await import(process.env.CLIENT)).default;
const client = new Client({ token: process.env.SANDBOX_TOKEN });
client.useRequestOpts({ baseUrl: process.env.SANDBOX_URL });
const now = Math.floor(Date.now() / 1000);

const create = (user_id) => client.events.create({ user_id, event_name: "placed-order", created_at: now });

/** Return status and code of what the client throws. */
async function refusalOf(promise) {
    const error = await promise.then(
        () => assert.fail("nothing was thrown"),
        (thrown) => thrown,
    );
    return [error.statusCode, error.body.errors[0].code];
}

assert.equal(await new Promise((resolve) => client.ping(resolve)), 200);
console.log("authenticate");

await create("somebody");
console.log("create an event");

assert.deepEqual(await refusalOf(create("nobody")), [404, "not_found"]);
console.log("miss a contact");

const { body: listed } = await client.events.listBy({ type: "user", user_id: "somebody" });
assert.deepEqual([listed.type, listed.events.map((event) => event.created_at)], ["event.list", [now]]);
console.log("list events");

const { body: summary } = await client.events.listBy({ type: "user", user_id: "somebody", summary: true });
assert.deepEqual([summary.type, summary.events.map((event) => event.count)], ["event.summary", [1]]);
console.log("sum events up");

// Its contacts are leads today.
const { body: made } = await client.contacts.create({ external_id: "made", email: "made@example.com" });
console.log("create a contact");

assert.equal((await client.contacts.find({ id: made.id })).body.email, "made@example.com");
console.log("find a contact by id");

// Without the refusal it would list every contact.
assert.deepEqual(await refusalOf(client.contacts.find({ user_id: "made" })), [400, "parameter_invalid"]);
assert.equal((await client.contacts.list()).body.type, "list");
console.log("list contacts");

assert.deepEqual(await refusalOf(client.users.find({ user_id: "made" })), [404, "resource_not_found"]);
assert.deepEqual(await refusalOf(client.users.create({ user_id: "made" })), [404, "resource_not_found"]);
console.log("miss the users of API 1.x");
