// The requests of intercom-client 6 and 7: the token is a bearer; both are generated from Intercom's description.

import assert from "node:assert/strict";

const { IntercomClient } = await import(process.env.CLIENT);
const client = new IntercomClient({ token: process.env.SANDBOX_TOKEN, environment: process.env.SANDBOX_URL });
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

assert.match((await client.admins.identify()).app.id_code, /^sandbox_/);
console.log("authenticate");

await create("somebody");
console.log("create an event");

assert.deepEqual(await refusalOf(create("nobody")), [404, "not_found"]);
console.log("miss a contact");

const listed = await client.events.list({ type: "user", user_id: "somebody" });
assert.deepEqual([listed.type, listed.events.map((event) => event.created_at)], ["event.list", [now]]);
console.log("list events");

const summary = await client.events.list({ type: "user", user_id: "somebody", summary: true });
assert.deepEqual([summary.type, summary.events.map((event) => event.count)], ["event.summary", [1]]);
console.log("sum events up");

const made = await client.contacts.create({ external_id: "made", email: "made@example.com" });
console.log("create a contact");

assert.equal((await client.contacts.find({ contact_id: made.id })).external_id, "made");
console.log("find a contact by id");

if (client.contacts.showContactByExternalId) {
    assert.equal((await client.contacts.showContactByExternalId({ external_id: "made" })).id, made.id);
    console.log("find a contact by external id");
}

assert.equal((await client.contacts.update({ contact_id: made.id, name: "Ada" })).name, "Ada");
assert.equal((await client.contacts.find({ contact_id: made.id })).name, "Ada");
console.log("update a contact");

const found = await client.contacts.search({ query: { field: "external_id", operator: "=", value: "made" } });
assert.deepEqual(found.data.map((contact) => contact.id), [made.id]);
console.log("search contacts");

const everybody = [];
for await (const contact of await client.contacts.list({ per_page: 1 })) {
    everybody.push(contact.external_id);
}
assert.ok(everybody.includes("made") && everybody.includes("somebody"), everybody);
console.log("list contacts");

const lead = await client.contacts.create({ role: "lead" });
assert.equal((await client.contacts.mergeLeadInUser({ from: lead.id, into: made.id })).id, made.id);
assert.deepEqual(await refusalOf(client.contacts.find({ contact_id: lead.id })), [410, "contact_merged"]);
console.log("merge a contact");
